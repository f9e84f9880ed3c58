"""Container logs on the host: format, streams, long lines, rotation."""

from __future__ import annotations

import re
from typing import NamedTuple

import pytest

from fixtures.subjects.cri.bench import FOREVER, Bench
from fixtures.subjects.cri.checks import require_equal
from fixtures.subjects.cri.client import CriClient, Refused
from reports.model import ClauseViolation

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"
LINE = re.compile(rf"(?P<time>{TIME}) (?P<stream>stdout|stderr) (?P<tag>[FP]) ?(?P<text>.*)")


class Line(NamedTuple):
    """One line of a CRI log."""

    stream: str
    tag: str
    text: str


def parsed(text: str) -> list[Line]:
    """All lines of a log; ClauseViolation shows the first that is not in CRI format."""
    lines = []
    for line in text.splitlines():
        found = LINE.fullmatch(line)
        if found is None:
            raise ClauseViolation(
                "a line of the container log is not in CRI format",
                expected="RFC3339NANO stdout|stderr F|P text",
                actual=line[:300],
                clause="cri.logs.format",
            )
        lines.append(Line(found["stream"], found["tag"], found["text"]))
    return lines


def log_of(bench: Bench, script: str) -> list[Line]:
    """The parsed log of a container that runs a shell script to its end."""
    sandbox = bench.run_sandbox()
    name = bench.unique("logger")
    bench.run_to_end(sandbox, ("sh", "-c", f"{script}\necho THE-END"), name=name)
    lines = parsed(bench.wait_until_logged(sandbox, name, "THE-END"))
    return [line for line in lines if line.text != "THE-END"]


@pytest.mark.clause("cri.logs.format")
def test_log_lines_have_time_stream_and_tag(bench: Bench) -> None:
    lines = log_of(bench, "echo one; echo; echo 'two  words '")
    require_equal(
        "the log", lines, [Line("stdout", "F", "one"), Line("stdout", "F", ""), Line("stdout", "F", "two  words ")]
    )


@pytest.mark.clause("cri.logs.stderr")
def test_log_names_the_stream_of_each_line(bench: Bench) -> None:
    lines = log_of(bench, "echo out; echo err >&2")
    require_equal("the log", sorted(lines), [Line("stderr", "F", "err"), Line("stdout", "F", "out")])


@pytest.mark.clause("cri.logs.order")
def test_log_keeps_the_order_of_lines(bench: Bench) -> None:
    texts = [line.text for line in log_of(bench, "seq 1 5000")]
    require_equal(
        "whether 5000 lines come in order", texts == [str(n) for n in range(1, 5001)], True, f"{len(texts)} lines"
    )


@pytest.mark.clause("cri.logs.partial")
def test_log_of_a_long_line_is_split_into_partial_lines(bench: Bench) -> None:
    lines = log_of(bench, "head -c 50000 /dev/zero | tr '\\0' x; echo; echo after")
    long, after = lines[:-1], lines[-1]
    require_equal("the line after the long one", after, Line("stdout", "F", "after"))
    require_equal("the text put together", len("".join(line.text for line in long)), 50000)
    tags = [line.tag for line in long]
    require_equal(
        "the tags of its parts", tags, ["P"] * (len(tags) - 1) + ["F"], "Is the last part told from the others?"
    )


@pytest.mark.clause("cri.logs.unfinished-line")
def test_log_keeps_a_last_line_without_newline(bench: Bench) -> None:
    sandbox = bench.run_sandbox()
    name = bench.unique("logger")
    bench.run_to_end(sandbox, ("printf", "no newline"), name=name)
    lines = parsed(bench.wait_until_logged(sandbox, name, "no newline"))
    require_equal("the text", [line.text for line in lines], ["no newline"])


@pytest.mark.clause("cri.reopen-container-log.new-file")
def test_log_reopened_after_rotation_goes_to_a_new_file(bench: Bench, cri: CriClient) -> None:
    sandbox, name = bench.run_sandbox(), bench.unique("logger")
    container = bench.run(
        sandbox, ("sh", "-c", "n=0; while :; do n=$((n+1)); echo tick $n; sleep 0.05; done"), name=name
    )
    bench.wait_until_logged(sandbox, name, "tick 2")
    path = bench.log_file(sandbox, name)
    rotated = path.rename(path.with_suffix(".1"))
    cri.call("ReopenContainerLog", container_id=container)
    fresh = bench.wait_until_logged(sandbox, name, "tick")
    ticks = [int(line.text.split()[1]) for line in parsed(rotated.read_text() + fresh) if line.text]
    require_equal("the ticks over both files", ticks, list(range(1, len(ticks) + 1)), "Are lines lost at the change?")


@pytest.mark.clause("cri.reopen-container-log.error-makes-no-file")
def test_log_reopen_that_fails_makes_no_file(bench: Bench, cri: CriClient) -> None:
    sandbox, name = bench.run_sandbox(), bench.unique("logger")
    container = bench.run(sandbox, FOREVER, name=name)
    bench.stop(container)
    path = bench.log_file(sandbox, name)
    path.unlink(missing_ok=True)
    try:
        cri.call("ReopenContainerLog", container_id=container)
    except Refused:
        require_equal("whether a log file was made in spite of the error", path.exists(), False)
