"""The command line: one function for each command, each returns the exit code."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import os
import re
import secrets
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TextIO

from pipelines import (
    arguments,
    existing,
    ground,
    history,
    housekeeping,
    importing,
    janitor,
    judging,
    merge,
    releasing,
    replay,
    signing,
    upgrading,
    verifying,
    waivers,
)
from pipelines.candidate import load as load_candidate
from pipelines.configuration import Misconfigured
from pipelines.inputs import Options, Wishes, read_inputs
from pipelines.screen import Screen
from pipelines.trial import INTERRUPTED
from pipelines.trial import run as run_trial
from reports import shards
from reports.model import Component, EnvironmentUnfit, HarnessError, Verdict


def main(argv: list[str] | None = None) -> int:
    """Parse and run one command. Never shows a traceback for a mistake of the user's."""
    try:
        options = arguments.parser().parse_args(argv)
    except SystemExit as ended:
        # argparse ends with 2 for a usage error, which here would read as INCONCLUSIVE.
        return Verdict.INVALID.exit_code if ended.code else 0
    try:
        return COMMANDS[options.command](options)
    except Misconfigured as error:
        number = len(error.problems)
        print(f"{number} thing{'s' if number > 1 else ''} to correct:", file=sys.stderr)
        print("\n".join(f"  {problem}" for problem in error.problems), file=sys.stderr)
        return Verdict.INVALID.exit_code
    except EnvironmentUnfit as error:
        print(f"This machine cannot do that: {error}", file=sys.stderr)
        return Verdict.INCONCLUSIVE.exit_code
    except HarnessError as error:
        print(f"INVALID: {error}", file=sys.stderr)
        return Verdict.INVALID.exit_code
    except OSError as error:
        # Where one file was being copied to another, it is the second that could not be written.
        print(f"{error.filename2 or error.filename or 'system'}: {error.strerror or error}", file=sys.stderr)
        return Verdict.INVALID.exit_code
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - Python would end with 1, which here reads as FAIL
        traceback.print_exc()
        print(f"INVALID: Seatrial itself failed; please report the lines above: {error!r}", file=sys.stderr)
        return Verdict.INVALID.exit_code


def _run(given: argparse.Namespace) -> int:
    provider = _provider(given)
    _require_shard(given)
    wishes = Wishes(
        seed=_seed(given),
        provider=provider,
        kubeconfig=given.kubeconfig,
        kube_context=given.kube_context,
        as_user=given.as_user,
        as_groups=tuple(given.as_group),
        pod_security=given.pod_security,
        nodes=_nodes(given.nodes),
        keep_cluster=given.keep_cluster,
        allow_disruptive=given.allow_disruptive,
        pytest_options=("--shard", given.shard) if given.shard else (),
        cluster_file=given.cluster_file.resolve() if given.cluster_file else None,
    )
    options = Options(
        candidate=given.candidate.resolve(),
        pipeline=given.pipeline.resolve(),
        waivers=given.waivers.resolve(),
        runs=given.runs_dir,
        wishes=wishes,
        policy=given.policy.resolve() if given.policy else None,
        quarantine=given.quarantine.resolve(),
        basis=given.basis.resolve() if given.basis else None,
        basis_keys=tuple(given.basis_key),
        stage=given.stage,
        profile=given.profile,
        install=not given.no_install,
        upgrade_from=given.upgrade_from,
        upgrade_keys=tuple(given.from_key),
        shard=given.shard,
        run_id=given.run_id,
    )
    asked = read_inputs(options).stages  # Mistakes in files come before anything about the machine.
    screen = Screen()
    containers = any(stage.needs_cluster or "cri" in stage.suites for stage in asked)
    housekeeping.require_able(screen, options.install, containers)
    ground.reap()
    lease = ground.lease()
    try:
        # Within the run, where a Ctrl-C cannot cut it short; again here for runs that end in an error.
        return run_trial(options, lease.environment(), screen, lambda: [*ground.reap(), *lease.release()])
    finally:
        for line in lease.release():
            if line.startswith("left:"):
                screen.line(f"not removed: {line}; python -m pipelines clean tries again")


def _require_shard(given: argparse.Namespace) -> None:
    """Misconfigured: --shard and --run-id cannot be used like that."""
    if given.run_id and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", given.run_id):
        raise Misconfigured([f"--run-id {given.run_id}: use letters, digits, dots, hyphens and _, at most 100."])
    if not given.shard:
        return
    try:
        shards.parse(given.shard)
    except ValueError as error:
        raise Misconfigured([f"--shard {error}"]) from error
    if not given.run_id:
        raise Misconfigured([f"--shard {given.shard}: give all shards of one run the same --run-id NAME."])


def _seed(given: argparse.Namespace) -> int:
    """As given; that of the run's id, so that all its shards draw alike; or a fresh one."""
    if given.seed is not None:
        return int(given.seed)
    if given.run_id:
        return int.from_bytes(hashlib.sha256(given.run_id.encode()).digest()[:4], "big") >> 1
    return secrets.randbits(31)


def _provider(given: argparse.Namespace) -> str:
    """A kubeconfig asks for its cluster; a cluster that exists has to be named by a file that can be read."""
    if given.provider in ("capi", "tofu") or given.cluster_file:
        return _ordered(given)
    if given.provider != "kubeconfig" and not given.kubeconfig:
        return str(given.provider)
    if not given.kubeconfig:
        raise Misconfigured(["--provider kubeconfig: name the cluster's file with --kubeconfig FILE."])
    if not os.access(given.kubeconfig, os.R_OK):
        raise Misconfigured([f"--kubeconfig {given.kubeconfig}: there is no such file, or it cannot be read."])
    return "kubeconfig"


def _ordered(given: argparse.Namespace) -> str:
    """A provider whose cluster is described in a file, which has to be there and right."""
    if given.provider not in ("capi", "tofu", "local") or given.kubeconfig:
        raise Misconfigured(["--cluster-file: it is for --provider capi and tofu, which make a cluster by it."])
    if given.provider == "capi":
        if not given.cluster_file:
            raise Misconfigured(["--provider capi: name the file with template and values by --cluster-file FILE."])
        ground.require_cluster_settings(given.cluster_file)
        return "capi"
    if not given.cluster_file:
        raise Misconfigured(["--provider tofu: name the file with module, values and cost by --cluster-file FILE."])
    ground.require_cluster_file(given.cluster_file)
    return "tofu"


def _nodes(number: int) -> int:
    if not 1 <= number <= 20:
        raise Misconfigured([f"--nodes {number}: a fresh cluster has 1 to 20 nodes."])
    return number


def _provision(given: argparse.Namespace) -> int:
    from pipelines.provision import provision

    options = Options(
        candidate=given.candidate.resolve(),
        pipeline=given.pipeline.resolve(),
        waivers=waivers.DEFAULT,
        runs=Path(),
        wishes=Wishes(seed=0),
        stage=given.stage,
        profile=given.profile,
        install=not given.no_install,
        upgrade_from=given.upgrade_from,
        upgrade_keys=tuple(given.from_key),
    )
    # A trial of somebody's own candidate must not change what a lone pytest run judges; asking for it here does.
    for_pytest = not given.json or options.candidate == arguments.CANDIDATE
    inputs = read_inputs(options)
    stage = upgrading.stage_of(inputs.stages)
    earlier: Sequence[Component] = ()
    if given.upgrade_from and stage:
        earlier = upgrading.order(inputs.earlier[stage.name].candidate, stage, inputs.candidate)
    return provision(inputs, as_json=given.json, install=options.install, for_pytest=for_pytest, earlier=earlier)


def _lock(given: argparse.Namespace) -> int:
    candidate = load_candidate(given.candidate.resolve(), is_here=True)
    print(f"{candidate.name} {candidate.version}  sha256:{candidate.digest}")
    for component in candidate.components:
        for source in component.sources:
            pin = source.sum or source.digest or (f"sha256:{source.sha256}" if source.sha256 else "")
            where = source.module or source.image or source.url or source.path or "this repository"
            print(f"  {component.name:<18}{component.version:<10}{source.kind:<11}{where}  {pin or '(not pinned)'}")
    return 0


class _Patient(io.TextIOBase):
    """A stream whose reader may go away (| head): what is told from then on goes into nothing."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with self._reader_may_go():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with self._reader_may_go():
            self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()

    @contextlib.contextmanager
    def _reader_may_go(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            self._stream = Path(os.devnull).open("w")  # noqa: SIM115


def _quietly(command: Callable[[argparse.Namespace], int]) -> Callable[[argparse.Namespace], int]:
    """A reader that goes away is no error, and changes no exit code."""

    def run(given: argparse.Namespace) -> int:
        patient = _Patient(sys.stdout)
        with contextlib.redirect_stdout(patient):
            try:
                return command(given)
            finally:
                patient.flush()

    return run


COMMANDS: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "run": _run,
    "doctor": _quietly(housekeeping.doctor),
    "provision": _provision,
    "clean": housekeeping.clean,
    "cluster": _quietly(existing.cluster),
    "janitor": janitor.janitor,
    "verify": _quietly(verifying.verify),
    "report": judging.report,
    "gate": _quietly(judging.gate_again),
    "merge": _quietly(merge.merge),
    "import": _quietly(importing.import_results),
    "history": _quietly(history.history),
    "replay": _quietly(replay.replay),
    "sign": signing.sign,
    "promote": releasing.promote,
    "rollback": releasing.rollback,
    "ledger": _quietly(releasing.verify_ledger),
    "lock": _quietly(_lock),
}
