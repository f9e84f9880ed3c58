"""What of one local cluster is left on this machine, looked for by its label: the negative of every clean-up."""

from __future__ import annotations

import os
from pathlib import Path

from fixtures import reaping
from fixtures.lease import ENVIRONMENT_KEY


def traces_of(label: str) -> list[str]:
    """A line for each process, mount, cgroup, link, network namespace, lease or folder that carries the label."""
    found = [f"process {pid}" for pid in reaping.processes_of(label, ENVIRONMENT_KEY)]
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    found += [f"mount {line.split()[4]}" for line in mounts if label in line]
    tops = {
        line.split()[1] for line in Path("/proc/mounts").read_text().splitlines() if line.split()[2][:6] == "cgroup"
    }
    found += [f"cgroup {top}/{label}" for top in tops if Path(top, label).exists()]
    found += [f"link {path.name}" for path in Path("/sys/class/net").iterdir() if path.name[:10] == "st" + label[-8:]]
    named = Path("/run/netns")
    found += [f"namespace {path}" for path in (named.iterdir() if named.is_dir() else ()) if label in path.name]
    state = Path(os.environ.get("SEATRIAL_STATE", "/var/lib/seatrial"))
    return found + [f"lease {path}" for path in state.glob(f"{label}*")]


def network_namespaces() -> set[str]:
    """The network namespaces in which some process lives."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                found.add(str((entry / "ns" / "net").readlink()))
            except OSError:
                continue  # ended meanwhile
    return found
