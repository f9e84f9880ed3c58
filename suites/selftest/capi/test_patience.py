"""How long a wait for something on a management cluster bears with one that does not answer."""

from __future__ import annotations

import pytest

from fixtures.clusters.access import CredentialsRefused
from fixtures.clusters.capi import cluster
from fixtures.clusters.capi.objects import Refused
from fixtures.clusters.capi.words import of_object, phases
from fixtures.clusters.provider import ClusterFailed


def _always(error: Exception) -> str:
    raise error


def test_cluster_out_of_reach_is_waited_for_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    away = cluster.patient(lambda: _always(ClusterFailed("cannot be reached")))
    assert (away(), away()) == (None, None)
    monkeypatch.setattr(cluster, "PATIENCE", -1.0)
    with pytest.raises(ClusterFailed, match="cannot be reached"):
        away()


def test_refusal_for_a_moment_is_waited_for_and_an_answer_is_passed_on() -> None:
    waiting = [Refused(503, "GET /", "starting")]

    def probe() -> str:
        return _always(waiting.pop()) if waiting else "seen"

    probed = cluster.patient(probe)
    assert [probed(), probed()] == [None, "seen"]


def test_credentials_that_are_not_taken_any_more_end_a_wait_at_once() -> None:
    probed = cluster.patient(lambda: _always(CredentialsRefused("they have expired")))
    with pytest.raises(CredentialsRefused, match="they have expired"):
        probed()


def test_condition_that_is_bad_when_true_is_told_and_one_that_holds_is_not() -> None:
    conditions = [
        {"type": "Ready", "status": "True"},
        {"type": "ScalingUp", "status": "True", "reason": "Slow", "message": "one\n of two"},
        {"type": "Deleting", "status": "False"},
        {"type": "InfrastructureReady", "status": "Unknown", "reason": "Lost"},
    ]
    item = {"kind": "Machine", "metadata": {"name": "one"}, "status": {"phase": "Failed", "conditions": conditions}}
    assert of_object(item) == [
        "Machine one: phase Failed",
        "Machine one: ScalingUp is True: Slow one of two",
        "Machine one: InfrastructureReady is Unknown: Lost",
    ]
    assert phases(None, [item, item]) == "cluster Pending; machines: 2 Failed"
