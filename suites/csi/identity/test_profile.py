"""The driver offers what its profile (--csi-profile FILE) says it must: one test for each thing demanded."""

from __future__ import annotations

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.profile import read_profile
from fixtures.subjects.csi.requests import block, mount
from reports.model import ClauseViolation, EnvironmentUnfit, NotApplicable

ASK = "Was the feature lost, or is the profile not this driver's?"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    chosen = metafunc.config.option.csi_profile
    metafunc.parametrize("feature", read_profile(chosen).features if chosen else ["none"])


def require_declared(csi: Bench, feature: str) -> None:
    """ClauseViolation unless the driver declares a capability, or where it is (topology)."""
    if feature == "topology":
        if csi.capabilities.topology is None or not csi.capabilities.topology.segments:
            raise ClauseViolation(
                "the profile demands topology", expected="segments of this node", actual="none", question=ASK
            )
    elif feature not in csi.capabilities:
        raise ClauseViolation(
            f"the profile demands {feature}", expected=feature,
            actual=", ".join(sorted(csi.capabilities.declared)) or "nothing declared", question=ASK,
        )  # fmt: skip


def require_served(csi: Bench, feature: str) -> None:
    """ClauseViolation unless a volume of an access type or mode can be made."""
    if "controller.CREATE_DELETE_VOLUME" not in csi.capabilities:
        raise EnvironmentUnfit("the driver makes no volumes, so nobody sees which access types and modes it serves")
    kind, _, name = feature.partition(".")
    capability = block() if name == "block" else mount("SINGLE_NODE_WRITER" if kind == "access-type" else name)
    try:
        csi.create(capability)
    except (NotApplicable, ClauseViolation) as error:
        if kind == "access-mode" and not isinstance(error, NotApplicable) and _serves_as_block(csi, name):
            return
        raise ClauseViolation(
            f"the profile demands {feature}", expected="a volume", actual=str(error), question=ASK
        ) from error


def _serves_as_block(csi: Bench, mode: str) -> bool:
    """Many a driver serves a mode (several writers on several nodes) for raw devices only."""
    return "block" in csi.options.access_types and csi.client.answer(csi.creation(block(mode))).is_ok


@pytest.mark.clause("csi.profile.declares-what-it-must")
def test_driver_of_a_profile_has_the_feature(csi: Bench, feature: str) -> None:
    if feature == "none":
        raise NotApplicable("no profile was given (--csi-profile)")
    (require_served if feature.startswith("access-") else require_declared)(csi, feature)
