"""The recorder, a pytest plugin: writes record.jsonl while the suites run, line by line, so a killed run is readable.

Outcomes are decided here and nowhere else (see `judge`). Under pytest-xdist the controller writes, with what the
workers attached to their reports. A record is written when product suites are selected (suites/csi, cni, cri,
gpu) or --run-dir is given; selftests leave none.
"""

from __future__ import annotations

import datetime
import errno
import functools
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any

import pytest

from reports import catalogue, failure, record, sources
from reports.model import Outcome, Result, result_from_json, to_json
from reports.redact import redact
from reports.spelling import nearest
from reports.summary import write_summary

RESULT = pytest.StashKey[dict[str, Any]]()
ATTEMPT = pytest.StashKey[int]()
"""Which attempt of the test is running, where reports/retries.py runs it more than once."""
SHARD = pytest.StashKey[dict[str, Any]]()
"""Which part of the tests this run is, with the whole plan, where reports/shards.py split it."""


class Hooks:
    """What other plugins may tell the recorder."""

    @pytest.hookspec
    def pytest_seatrial_header(self, config: pytest.Config) -> dict[str, Any]:
        """Facts for the first line of the record: seed, subjects, environment; and `parts`, one line each."""
        raise NotImplementedError


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    pluginmanager.add_hookspecs(Hooks)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("seatrial record", "Seatrial: what is written down")
    group.addoption("--run-dir", metavar="DIR", help="where record.jsonl and evidence go (default: runs/pytest-<time>)")
    group.addoption("--stage", default="", metavar="NAME", help="the pipeline stage this run belongs to")
    group.addoption(
        "--clause", action="append", default=[], metavar="ID", help="run only the tests of this clause (repeatable)"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "clause(*ids): the clauses of the catalogue that this test judges")
    options = config.option
    if hasattr(config, "workerinput"):
        options.run_dir = config.workerinput["seatrial_run_dir"]
    elif options.run_dir:
        options.run_dir = str(Path(options.run_dir).resolve())
    elif _selects_product_suites(config) and not options.collectonly:
        stamp = time.strftime("%Y%m%d-%H%M%S")
        options.run_dir = str((config.rootpath / "runs" / f"pytest-{stamp}-{os.getpid()}").resolve())
    if not options.run_dir:
        return
    try:
        Path(options.run_dir).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        refused = f"no run folder {options.run_dir}: {error.strerror} ({error.filename}); name another with --run-dir"
        raise pytest.UsageError(refused) from error
    # Allure's results cost as much again as a protocol test: a pipeline's stage writes them, others ask (--alluredir).
    if options.stage and hasattr(options, "allure_report_dir") and not options.allure_report_dir:
        options.allure_report_dir = str(Path(options.run_dir) / "allure-results")
    config.pluginmanager.register(Recorder(config, Path(options.run_dir)), "seatrial-recorder")


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """xdist: the workers keep evidence in the controller's run folder."""
    node.workerinput["seatrial_run_dir"] = node.config.option.run_dir


def _selects_product_suites(config: pytest.Config) -> bool:
    root = config.rootpath / "suites"
    folders = [root / suite for suite in catalogue.SUITES]
    chosen = [Path(config.invocation_params.dir, str(arg).partition("::")[0]).resolve() for arg in config.args]
    return any(
        path == folder or folder in path.parents or path in folder.parents for path in chosen for folder in folders
    )


def suite_of(item: pytest.Item) -> str:
    """The product suite that a test belongs to, "" for selftests and foreign tests."""
    return _suite_below(item.config.rootpath, item.path)


@functools.cache
def _suite_below(root: Path, path: Path) -> str:
    """The product suite of a file, asked several times for every test in it."""
    parts = path.relative_to(root).parts if path.is_relative_to(root) else ()
    return parts[1] if len(parts) > 2 and parts[0] == "suites" and parts[1] in catalogue.SUITES else ""


def clauses_of(item: pytest.Item) -> tuple[str, ...]:
    """The clause ids of a test, in the order in which its marks name them."""
    found = [name for mark in item.iter_markers("clause") for name in mark.args]
    return tuple(dict.fromkeys(found))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    known = catalogue.load(config.rootpath / "suites").clauses
    faults = [fault for item in items if suite_of(item) for fault in _faults_of(item, known)]
    if faults:
        _refuse(config, items, "tests and clause catalogue disagree:\n  " + "\n  ".join(sorted(set(faults))))
    wanted = set(config.option.clause)
    unknown = wanted - set(known)
    if unknown:
        told = [f"--clause {name}: is not in the catalogue. {nearest(name, known)}" for name in sorted(unknown)]
        _refuse(config, items, "\n".join(told))
    if wanted:
        dropped = [item for item in items if not wanted & set(clauses_of(item))]
        items[:] = [item for item in items if wanted & set(clauses_of(item))]
        config.hook.pytest_deselected(items=dropped)


def _refuse(config: Any, items: list[pytest.Item], reason: str) -> None:
    if not hasattr(config, "workerinput"):
        raise pytest.UsageError(reason)
    # A worker's error text would be lost: it collects nothing, and its controller says why.
    output: dict[str, str] = config.workeroutput
    output["seatrial_refusal"] = reason
    items.clear()


def _faults_of(item: pytest.Item, known: Any) -> Iterable[str]:
    ids = clauses_of(item)
    name = item.nodeid.partition("[")[0]
    if not ids:
        yield f"{name}: no clause (mark it @pytest.mark.clause(...))"
    for clause_id in ids:
        if clause_id not in known:
            yield f"{name}: unknown clause {clause_id!r}"
            continue
        clause = known[clause_id]
        if clause.uncovered:
            yield f"{name}: {clause_id!r} is listed as uncovered; remove that reason"
        if (clause.layer == "cluster") != (item.get_closest_marker("cluster") is not None):
            yield f"{name}: {clause_id!r} is of layer {clause.layer}, the test's cluster mark says otherwise"


class Recorder:
    """Turns reports into results and writes the record. One per process; only the controller writes results."""

    def __init__(self, config: Any, run_dir: Path) -> None:
        self.config = config  # pytest.Config, to which xdist adds workerinput
        self.run_dir = run_dir
        self.catalogue = catalogue.load(config.rootpath / "suites")
        self.is_worker = hasattr(config, "workerinput")
        self.writes_plan = not self.is_worker or config.workerinput["workerid"] == "gw0"
        self.results: list[Result] = []
        self.refusals: list[str] = []
        self.told: list[str] = []
        self.deselected: dict[str, list[str]] = {}
        if not self.is_worker:
            self._write_header()

    def _write(self, line: dict[str, Any]) -> None:
        # One write call on an append-only descriptor: lines of two processes never mix.
        data = (json.dumps(line, ensure_ascii=False, default=str) + "\n").encode()
        descriptor = os.open(self.run_dir / "record.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            if os.write(descriptor, data) != len(data):
                raise OSError(errno.ENOSPC, "a line was written only in part", str(self.run_dir / "record.jsonl"))
        finally:
            os.close(descriptor)

    def _write_header(self) -> None:
        header: dict[str, Any] = {
            "kind": "run",
            "run": self.run_dir.name,
            "stage": self.config.option.stage,
            "started": now(),
            "catalogue": self.catalogue.digest,
            "command": ["pytest", *_more_options(), *(str(arg) for arg in self.config.invocation_params.args)],
            "seatrial": revision(),
        }
        parts: list[dict[str, Any]] = []
        for facts in self.config.hook.pytest_seatrial_header(config=self.config):
            parts += facts.pop("parts", [])
            for name, value in facts.items():  # several plugins may know something of the environment
                header[name] = {**header.get(name, {}), **value} if isinstance(value, dict) else value
        self._write(header)
        for part in parts:
            self._write({"kind": "part", **part})

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        self.deselected.update({item.nodeid: list(clauses_of(item)) for item in items if suite_of(item)})

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        # Under xdist the controller collects nothing; its first worker writes the plan.
        shard = self.config.stash.get(SHARD, None)
        if not self.writes_plan or not (session.items or self.deselected or shard):
            return
        tests = {item.nodeid: list(clauses_of(item)) for item in session.items if suite_of(item)}
        suites = sorted({suite_of(item) for item in session.items} - {""})
        plan = {"kind": "planned", "suites": suites, "tests": tests, "deselected": self.deselected}
        self._write({**plan, "shard": shard} if shard else plan)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, None]:
        if not suite_of(item):
            yield
            return
        judged = failure.judge(call, item, self.catalogue, clauses_of(item)) if call.excinfo is not None else None
        if judged is not None and judged.outcome in (Outcome.NOT_APPLICABLE, Outcome.COULD_NOT_RUN):
            call.excinfo = failure.as_skip(judged)
        outcome = yield
        report = outcome.get_result()
        if call.when == "setup":
            item.stash[RESULT] = {"started": call.start, "phases": []}
        state = item.stash[RESULT]
        if judged is not None:
            state["phases"].append(judged)
            failure.rewrite(report, judged)
        if report.when == "teardown":
            report.seatrial = state["result"] = self._result(item, state, call.stop)

    def _result(self, item: pytest.Item, state: dict[str, Any], stop: float) -> dict[str, Any]:
        judged = failure.worst(state["phases"])
        measured: list[Any] = [pair for pair in item.user_properties if pair[0] == "seatrial_figure"]
        folders = [str(value) for key, value in item.user_properties if key == "seatrial_evidence"]
        result = Result(
            test=item.nodeid,
            clauses=judged.clauses or clauses_of(item),
            outcome=judged.outcome,
            duration=round(stop - state["started"], 4),
            started=datetime.datetime.fromtimestamp(state["started"], datetime.UTC).isoformat(timespec="milliseconds"),
            summary=judged.summary,
            expected=judged.expected,
            actual=judged.actual,
            question=judged.question,
            text=judged.text,
            repeat=failure.repeat_command(item.nodeid, self.config) if judged.outcome is Outcome.FAIL else "",
            harness_error=judged.harness_error,
            evidence=failure.evidence_in(folders, self.run_dir),
            attempt=item.stash.get(ATTEMPT, 1),
            figures={name: value for _, (name, value) in measured},
        )
        answer: dict[str, Any] = to_json(result)
        return answer

    def pytest_collectreport(self, report: Any) -> None:
        # A file that cannot be collected judges nothing: that is our fault to explain, never a quiet absence.
        if report.failed and not self.is_worker and not any(done.test == report.nodeid for done in self.results):
            self._keep(to_json(failure.uncollected(report)))

    def pytest_runtest_logreport(self, report: Any) -> None:
        if self.is_worker:
            return
        for line in getattr(report, "seatrial_told", ()):
            self._tell(redact(line), report)
        data = getattr(report, "seatrial", None)
        if data is None and report.when == "???":  # xdist: the worker died in this test
            data = to_json(failure.crashed(report))
        if data is None:
            return
        data["worker"] = (getattr(getattr(report, "node", None), "gateway", None) and report.node.gateway.id) or ""
        self._keep(data)

    def _tell(self, line: str, report: Any) -> None:
        """Write down and print, once, what a suite says of its subject when it first meets it."""
        if line in self.told:  # the workers of xdist judge the same
            return
        self.told.append(line)
        self._write({"kind": "note", "text": line})
        if terminal := self.config.pluginmanager.get_plugin("terminalreporter"):
            terminal.ensure_newline()
            terminal.write_line(line)
            terminal.pytest_runtest_logstart(report.nodeid, report.location)

    def _keep(self, data: dict[str, Any]) -> None:
        result = result_from_json(data)
        self.results.append(result)
        self._write({"kind": "result", **to_json(result)})

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        reason = getattr(node, "workeroutput", {}).get("seatrial_refusal")
        if reason and reason not in self.refusals:
            self.refusals.append(reason)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if self.is_worker:
            return
        if self.refusals:
            exitstatus = session.exitstatus = pytest.ExitCode.USAGE_ERROR
        counts = {outcome.value: sum(result.outcome is outcome for result in self.results) for outcome in Outcome}
        self._write({"kind": "end", "finished": now(), "exit": int(exitstatus), "counts": counts})
        record.close(self.run_dir / "record.jsonl")
        judged = counts[Outcome.PASS.value] + counts[Outcome.FAIL.value]
        if self.results and not judged and session.exitstatus == pytest.ExitCode.OK:
            # Nothing was judged: green would tell a driver's author that an absent driver is a good one.
            session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        for reason in self.refusals:
            terminalreporter.write_line(f"ERROR: {reason}", red=True)
        if not self.is_worker and not self.refusals:
            write_summary(terminalreporter, self.results, self.catalogue, self.run_dir / "record.jsonl", self.told)


def _more_options() -> list[str]:
    """What PYTEST_ADDOPTS adds to the command line: it selects tests just as well."""
    given = os.environ.get("PYTEST_ADDOPTS", "")
    try:
        return shlex.split(given)
    except ValueError:
        return given.split()


def now() -> str:
    """The present as RFC 3339 in UTC, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def revision() -> str:
    """The checkout's commit; with + and what its files are where they differ from it, so that two such checkouts are
    told apart; outside a git checkout only that."""
    root = Path(__file__).resolve().parents[1]
    command = ["git", "-C", str(root), "describe", "--always", "--dirty=+", "--abbrev=12"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    except FileNotFoundError:
        return sources.digest(root)
    except (OSError, subprocess.TimeoutExpired) as error:
        print(f"seatrial: git: {error}", file=sys.stderr)
        return "unknown"
    commit = done.stdout.strip()
    return commit if commit and not commit.endswith("+") else commit + sources.digest(root)
