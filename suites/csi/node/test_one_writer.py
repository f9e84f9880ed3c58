"""A volume of several nodes with one writer: who writes, after a kill, a retry and when the writer has gone."""

from __future__ import annotations

import pytest

from fixtures.subjects.csi.bench import Bench, InUse
from fixtures.subjects.csi.requests import mount
from reports.model import ClauseViolation, NotApplicable
from suites.csi.node.test_two_nodes import shared_volume
from suites.csi.resilience.test_kill_during_call import require_owned

ONE = "MULTI_NODE_SINGLE_WRITER"


def writes(use: InUse, name: str) -> bool:
    """Whether a file can be made at the target path."""
    try:
        (use.target / name).write_text("x")
    except OSError:
        return False
    return True


def writer_and_other(csi: Bench) -> tuple[InUse, Bench, InUse]:
    """The volume published on the first node, the second node, and what it is about to publish there."""
    second = csi.second_node()
    volume, capability = shared_volume(csi, ONE), mount(ONE)
    first = csi.bring_up(volume, capability)
    if not writes(first, "first"):
        raise NotApplicable("the first node does not write")
    return first, second, second.prepare(volume, capability)


@pytest.mark.clause("csi.multi-node.single-writer-has-one-writer")
@pytest.mark.parametrize("event", ["a repeated publish", "a kill", "a kill and a repeated publish"])
def test_second_node_does_not_write_beside_the_writer(csi: Bench, event: str) -> None:
    first, second, use = writer_and_other(csi)
    if "kill" in event:
        require_owned(csi)
        csi.restart()
    if "publish" in event:
        csi.client.call(csi.publishing(first))
    if second.client.answer(second.publishing(use)).is_ok and writes(use, "second"):
        raise ClauseViolation(
            f"a second node writes to a volume of one writer after {event}", expected="one writer", actual="two",
            question="Is the writer known in memory only?",
        )  # fmt: skip


@pytest.mark.clause("csi.multi-node.writer-can-follow")
def test_second_node_writes_once_the_writer_has_gone(csi: Bench) -> None:
    first, second, use = writer_and_other(csi)
    csi.take_down(first)
    second.client.call(second.publishing(use))
    if not writes(use, "second"):
        raise ClauseViolation("no node writes any more", expected="the next writer writes", actual="a write failed")
