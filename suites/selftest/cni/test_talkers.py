"""The cluster checks' verbs can fail: an open pod is not called closed, a closed control not overlooked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from fixtures.clusters.provider import Completed
from fixtures.clusters.workloads import Pod
from fixtures.subjects.cni import pods as module
from fixtures.subjects.cni.pods import Talkers
from fixtures.wait import WaitTimeout
from reports.model import ClauseViolation


class ScriptedPods:
    """Answers `agnhost connect` from a table: address -> exit codes, the last one for ever."""

    namespace = "scripted"

    def __init__(self, table: dict[str, list[int]]) -> None:
        self.table = table

    def exec(self, pod: Pod, argv: Sequence[str]) -> Completed:
        codes = self.table[argv[2].rpartition(":")[0]]
        return Completed(codes.pop(0) if len(codes) > 1 else codes[0], "", "")


def pod(name: str) -> Pod:
    return Pod(name, "scripted", "node", f"address-of-{name}", "uid", "Running")


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SETTLE", 0.2)


def talkers(**table: list[int]) -> Talkers:
    scripted: Any = ScriptedPods({f"address-of-{name}": codes for name, codes in table.items()})
    return Talkers(scripted, None)


def test_reach_of_a_pod_that_never_answers_fails() -> None:
    with pytest.raises(WaitTimeout):
        talkers(server=[1]).require_reach(pod("caller"), "address-of-server")


def test_reach_of_a_pod_that_answers_late_holds() -> None:
    talkers(server=[1, 1, 0]).require_reach(pod("caller"), "address-of-server")


def test_denial_by_a_pod_that_stays_open_fails() -> None:
    with pytest.raises(WaitTimeout):
        talkers(server=[0], control=[0]).require_denial(pod("caller"), pod("server"), pod("control"), "by nothing")


def test_denial_that_cuts_the_control_off_too_fails() -> None:
    with pytest.raises(ClauseViolation, match="not meant to be closed"):
        talkers(server=[1], control=[1]).require_denial(pod("caller"), pod("server"), pod("control"), "by all")


def test_denial_that_opens_again_fails() -> None:
    with pytest.raises(ClauseViolation, match="open again"):
        talkers(server=[1, 0], control=[0]).require_denial(pod("caller"), pod("server"), pod("control"), "shortly")


def test_denial_of_just_the_closed_pod_holds() -> None:
    talkers(server=[0, 1], control=[0]).require_denial(pod("caller"), pod("server"), pod("control"), "by a policy")
