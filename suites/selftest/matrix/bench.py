"""`python -m suites.selftest.matrix.bench`: our suite and csi-sanity side by side on one driver process; writes a page.

Measured as pairs in turn, so that what else the machine does hits both alike. A benchmark, no test: nothing fails.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fixtures import lease as leases
from fixtures.plugin import environment
from fixtures.protocols.definitions import CSI_SPEC
from fixtures.subjects.csi.sanity import driver_of, provide_sanity, run_sanity
from fixtures.toolchain.progress import ScreenProgress
from reports.record import read
from reports.render.files import write_atomically
from suites.selftest.matrix.mutants import ROOT

_FIELDS = "suites/csi/requests/test_required_fields.py::test_request_without_a_required_field_is_invalid"
_CONTROLLER = "Controller Service [Controller Server]"
# csi-sanity's case and the test of ours that asks the same of the driver. Nothing that looks into a volume.
PAIRS = {
    f"{_CONTROLLER} CreateVolume should fail when no name is provided": f"{_FIELDS}[create-volume-name]",
    f"{_CONTROLLER} DeleteVolume should fail when no volume id is provided": f"{_FIELDS}[delete-volume-volume_id]",
    f"{_CONTROLLER} ControllerUnpublishVolume should fail when no volume id is provided": (
        f"{_FIELDS}[controller-unpublish-volume_id]"
    ),
    f"{_CONTROLLER} ValidateVolumeCapabilities should fail when no volume capabilities are provided": (
        f"{_FIELDS}[validate-volume_capabilities]"
    ),
    "CreateSnapshot [Controller Server] should fail when no source volume id is provided": (
        f"{_FIELDS}[create-snapshot-source_volume_id]"
    ),
    "DeleteSnapshot [Controller Server] should fail when no snapshot id is provided": (
        f"{_FIELDS}[delete-snapshot-snapshot_id]"
    ),
    "Identity Service Probe should return appropriate information": (
        "suites/csi/identity/test_identity.py::test_probe_of_a_serving_driver_is_ready"
    ),
    "Identity Service GetPluginInfo should return appropriate information": (
        "suites/csi/identity/test_identity.py::test_plugin_name_is_well_formed"
    ),
    "Node Service NodeUnpublishVolume should remove target path": (
        "suites/csi/node/test_publishing.py::test_unpublished_target_is_gone"
    ),
    "Node Service NodePublishVolume with single node multi writer capability should fail when volume with single node "
    "single writer access mode is already mounted at a different target path": (
        "suites/csi/node/test_access.py::test_single_writer_volume_has_one_target[writable]"
    ),
}
# Run first and are not in the table: they pay for what a run makes once.
WARM_UP = (f"{_FIELDS}[validate-volume_id]", f"{_FIELDS}[create-volume-volume_capabilities]")
_ABOUT = (
    "Made by `tox -e bench`; do not edit. Both tools in turn, over one process of the reference driver. What a run "
    "makes once (imports, the connection, the volume that checks of a field share) is paid by cases before these. "
    "The reference runs with --no-sync, as in every run of ours: it waits for no disk."
)


@dataclass(frozen=True)
class Measured:
    """One run of our suite. durations: test -> seconds. cpu: processor seconds of pytest and its children."""

    durations: dict[str, float]
    wall: float
    cpu: float


def measure(targets: Sequence[str], *options: str) -> Measured:
    """Run tests of ours in a pytest of their own. FileNotFoundError: it wrote no record."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pytest", *targets, "-q", "-p", "no:cacheprovider", "--run-dir", folder]
        began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([*command, *options], cwd=ROOT, capture_output=True, check=False)
        wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
        results = read(Path(folder) / "record.jsonl").results
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Measured({result.test: result.duration for result in results}, wall, cpu)


def compare(rounds: int) -> dict[str, tuple[float, float]]:
    """Seconds of each pair (csi-sanity, ours), in turn on one driver process: of each the quickest round.

    What else the machine does only ever makes a case slower.
    """
    program = provide_sanity(ScreenProgress())
    lease = leases.acquire("bench")
    theirs: dict[str, list[float]] = {case: [] for case in PAIRS}
    ours: dict[str, list[float]] = {case: [] for case in PAIRS}
    try:
        driver = driver_of(lease)
        driver.start()
        for number in range(rounds):
            run = run_sanity(program, driver.endpoint, lease.root / f"sanity-{number}")
            mine = measure([*WARM_UP, *PAIRS.values()], "--csi-endpoint", driver.endpoint)
            for case, test in PAIRS.items():
                if run.cases.get(case) == "passed" and test in mine.durations:
                    theirs[case].append(run.durations[case])
                    ours[case].append(mine.durations[test])
        driver.stop()
    finally:
        lease.release()
    return {case: (min(theirs[case]), min(ours[case])) for case in PAIRS if ours[case]}


def page(pairs: dict[str, tuple[float, float]], runs: dict[str, Measured], nothing: Measured, rounds: int) -> str:
    """The page in Markdown. nothing: a run that only starts and collects."""
    facts = environment()
    machine = ", ".join(f"{facts[name]}" for name in ("system", "kernel", "architecture"))
    ratios = [ours / theirs for theirs, ours in pairs.values()]
    when = (
        f"{time.strftime('%Y-%m-%d', time.gmtime())}; {machine}, {facts['processors']} processors, Python "
        f"{facts['python']}; load average {os.getloadavg()[0]:.1f} at the end; of {rounds} rounds the quickest."
    )
    lines = ["# The CSI suite's speed", "", _ABOUT, "", when, ""]
    for name, run in runs.items():
        count, net = len(run.durations), max(run.cpu - nothing.cpu, 0.01)
        lines.append(
            f"- {name}: {count} cases in {run.wall:.1f} s and {run.cpu:.1f} processor seconds (pytest, driver, their "
            f"children): **{count / run.cpu:.0f} cases a processor second**, {count / net:.0f} without start and "
            f"collection ({nothing.cpu:.1f} processor seconds)"
        )
    ratio = statistics.median(ratios)
    lines += [f"- equivalent cases: ours take {ratio:.1f} times csi-sanity's wall time (median of the pairs)", ""]
    lines += ["| csi-sanity's case | csi-sanity, ms | ours, ms | ratio |", "| --- | --- | --- | --- |"]
    for case, (theirs, ours) in pairs.items():
        lines.append(f"| {case} | {1000 * theirs:.1f} | {1000 * ours:.1f} | {ours / theirs:.1f} |")
    lines += ["", "The tests beside them:", ""]
    lines += [f"- {case}: `{test.rpartition('::')[2]}`" for case, test in PAIRS.items() if case in pairs]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write docs/csi-benchmark.md."""
    parser = argparse.ArgumentParser(prog="python -m suites.selftest.matrix.bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--spec", default="1.12")
    chosen = parser.parse_args(arguments)
    os.environ[CSI_SPEC] = chosen.spec
    pairs = compare(chosen.rounds)
    quick = ["suites/csi", "-m", "not full", "--csi-spec", chosen.spec]
    measure([*quick, "--collect-only"])  # compiles what is not compiled yet
    nothing, whole = measure([*quick, "--collect-only"]), measure(quick)
    cheap = [*quick, *(f"--ignore=suites/csi/{folder}" for folder in ("resilience", "data", "node"))]
    calls = min((measure(cheap) for _ in range(chosen.rounds)), key=lambda run: run.cpu)
    text = page(pairs, {"quick profile": whole, "without data, node and restarts": calls}, nothing, chosen.rounds)
    write_atomically(ROOT / "docs/csi-benchmark.md", text)
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
