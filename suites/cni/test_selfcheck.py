"""Whether this machine can judge a network plugin at all: a key test of the shipped policy, about no component."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fixtures.subjects.cni.namespaces import Namespace, join
from fixtures.subjects.cni.traffic import converse


@pytest.mark.clause("cni.selfcheck.namespaces-connect")
def test_namespaces_joined_by_a_cable_of_ours_reach_each_other(new_namespace: Callable[[str], Namespace]) -> None:
    """No plugin takes part: the kernel, its links and its TCP do."""
    left, right = new_namespace("l"), new_namespace("r")
    join((left, "left", "192.0.2.1/24"), (right, "right", "192.0.2.2/24"))
    assert converse(left, right, "192.0.2.2") == "192.0.2.1"
