"""What on this machine still carries a lease's label: looked for here on its own, not by the reaper's eyes."""

from __future__ import annotations

from pathlib import Path

from fixtures import lease as leases
from fixtures import reaping


def things_of(label: str) -> list[str]:
    """Everything on this machine that still carries the label."""
    digits = label.removeprefix("seatrial-")
    found = [f"process {pid}" for pid in reaping.processes_of(label, leases.ENVIRONMENT_KEY)]
    found += [
        f"mount {line}"
        for line in Path("/proc/self/mountinfo").read_text(errors="surrogateescape").splitlines()
        if label in line
    ]
    found += [
        f"loop {path}" for path in Path("/sys/block").glob("loop*/loop/backing_file") if label in path.read_text()
    ]
    found += [str(path) for path in Path("/run/netns").glob(f"{label}*")]
    found += [str(path) for path in Path("/sys/class/net").glob(f"st{digits}*")]
    found += [str(path) for path in Path("/sys/fs/cgroup").glob(f"**/{label}")]
    return found + [str(path) for path in leases.state_folder().glob(f"{label}*")]
