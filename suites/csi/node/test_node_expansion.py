"""NodeExpandVolume: where it may be called, with what, how often, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from fixtures.subjects.csi.bench import Bench, InUse
from fixtures.subjects.csi.requests import changed, messages, span, without
from reports.model import ClauseViolation, NotApplicable
from suites.csi.volumes.confirmation import unconfirmed
from suites.csi.volumes.growth import EXPAND, NODE_EXPAND, expanded_offline, node_expanding, require_room, room

LONG = 128  # bytes of a path that every driver has to take


def waiting_for_node(csi: Bench) -> tuple[InUse, int]:
    """A published volume that the controller has expanded to the size, and the node maybe not yet."""
    csi.require(EXPAND, NODE_EXPAND)
    size = 4 * csi.options.capacity
    use, _ = expanded_offline(csi, csi.bring_up(csi.create()), size)
    return use, size


@pytest.mark.clause("csi.node-expand.capacity-is-true")
def test_node_expansion_to_less_states_what_the_volume_has(csi: Bench) -> None:
    use, size = waiting_for_node(csi)
    csi.client.call(node_expanding(use, size))
    answer = csi.client.answer(node_expanding(use, csi.options.capacity))
    stated = answer.response.capacity_bytes if answer.is_ok else 0
    if stated and stated < size:
        raise ClauseViolation("NodeExpandVolume states less than there is", expected=f"0 or {size}", actual=stated)


@pytest.mark.clause("csi.node-expand.serves-the-target-path")
def test_node_expansion_at_the_target_path_is_served(csi: Bench) -> None:
    use, size = waiting_for_node(csi)
    csi.client.call(node_expanding(use, size))
    require_room(use.target, size, "a node expansion at the target path")


@pytest.mark.clause("csi.node-expand.serves-the-staging-path")
def test_node_expansion_at_the_staging_path_is_served(csi: Bench) -> None:
    csi.require("node.STAGE_UNSTAGE_VOLUME")
    use, size = waiting_for_node(csi)
    csi.client.call(node_expanding(use, size, path=use.staging))
    require_room(use.target, size, "a node expansion at the staging path")


@pytest.mark.clause("csi.node-expand.serves-a-staged-volume")
def test_node_expansion_before_publish_is_served(csi: Bench) -> None:
    csi.require("node.STAGE_UNSTAGE_VOLUME")
    use, size = waiting_for_node(csi)
    csi.client.call(csi.unpublishing(use))
    csi.client.call(node_expanding(use, size, path=use.staging))
    csi.client.call(csi.publishing(use))
    require_room(use.target, size, "a node expansion before the publish")


@pytest.mark.clause("csi.node-expand.is-idempotent")
def test_node_expansion_asked_for_twice_is_fine(csi: Bench) -> None:
    use, size = waiting_for_node(csi)
    csi.client.call(node_expanding(use, size))
    before = room(use.target)
    csi.client.call(node_expanding(use, size))
    assert room(use.target) == before, f"a second node expansion turned {before} into {room(use.target)} bytes"


@pytest.mark.clause("csi.node-expand.optional-fields-may-be-absent")
@pytest.mark.parametrize("field", ["capacity_range", "volume_capability", "staging_target_path"])
def test_node_expansion_without_an_optional_field_is_served(csi: Bench, field: str) -> None:
    use, size = waiting_for_node(csi)
    csi.client.call(without(node_expanding(use, size), field))
    require_room(use.target, size, f"a node expansion without {field}")


@pytest.mark.clause("csi.node-expand.capacity-is-true")
def test_node_expansion_states_no_smaller_capacity(csi: Bench) -> None:
    use, size = waiting_for_node(csi)
    stated = csi.client.call(node_expanding(use, size)).capacity_bytes
    if stated and stated < size:
        raise ClauseViolation("NodeExpandVolume states too small a size", expected=f"0 or {size}", actual=stated)


@pytest.mark.clause("csi.node-expand.never-shrinks")
def test_node_expansion_to_a_smaller_size_does_not_shrink(csi: Bench) -> None:
    use, size = waiting_for_node(csi)
    csi.client.call(node_expanding(use, size))
    before = room(use.target)
    csi.client.answer(node_expanding(use, csi.options.capacity))
    assert room(use.target) >= before, f"a node expansion shrank {before} to {room(use.target)} bytes"


@pytest.mark.clause("csi.node-expand.smaller-size-is-fine")
def test_node_expansion_to_a_size_already_there_is_fine(csi: Bench) -> None:
    use, size = waiting_for_node(csi)
    csi.client.call(node_expanding(use, size))
    csi.client.call(node_expanding(use, csi.options.capacity))


def asking(csi: Bench, **fields: Any) -> Any:
    """A NodeExpandVolumeRequest for a published volume, complete but for the fields."""
    csi.require(NODE_EXPAND)
    use = csi.bring_up(csi.create())
    return changed(node_expanding(use, csi.options.capacity), **fields)


@pytest.mark.clause("csi.node-expand.absent-volume-is-not-found")
def test_node_expansion_of_an_absent_volume_is_not_found(csi: Bench) -> None:
    csi.require(NODE_EXPAND)
    request = messages().NodeExpandVolumeRequest(volume_id=csi.absent_id(), volume_path=csi.path("absent"))
    csi.client.require_refusal(request, "NOT_FOUND", because="the volume is gone")


@pytest.mark.clause("csi.node-expand.other-path-is-refused")
def test_node_expansion_at_a_path_of_another_volume_is_refused(csi: Bench) -> None:
    csi.require(NODE_EXPAND)
    other = csi.bring_up(csi.create())
    answer = csi.client.answer(asking(csi, volume_path=str(other.target)))
    if answer.is_ok:
        raise ClauseViolation(
            "a volume was expanded at a path where it is not", expected="a refusal", actual="OK",
            question="Is whatever lies at the path grown, whosever it is?",
        )  # fmt: skip


@pytest.mark.clause("csi.node-expand.impossible-capacity-is-refused")
@pytest.mark.parametrize("fault", ["beyond the volume", "below the volume"])
def test_node_expansion_to_an_impossible_size_is_out_of_range(csi: Bench, fault: str) -> None:
    wanted = {"beyond the volume": span(1 << 62), "below the volume": span(limit=csi.options.capacity // 2)}[fault]
    request = asking(csi, capacity_range=wanted)
    csi.client.require_refusal(request, "OUT_OF_RANGE", because=f"the range lies {fault}")


@pytest.mark.clause("csi.node-expand.unsupported-capability-is-refused")
def test_node_expansion_for_a_capability_the_volume_lacks_is_invalid(csi: Bench) -> None:
    csi.require(NODE_EXPAND)
    use = csi.bring_up(csi.create())
    request = changed(node_expanding(use, csi.options.capacity), volume_capability=unconfirmed(csi, use.volume))
    csi.client.require_refusal(request, "INVALID_ARGUMENT", because="the driver itself does not confirm the capability")


@pytest.mark.clause("csi.node-expand.long-path-is-served")
def test_node_expansion_at_a_path_of_128_bytes_is_served(csi: Bench) -> None:
    csi.require(NODE_EXPAND)
    lacking = LONG - len(csi.path("").encode()) - 1
    if lacking < 1:
        raise NotApplicable("the folder of the test has a longer name than this")
    use = csi.prepare(csi.create(), target="p" * (lacking + 1))
    if not csi.client.answer(csi.publishing(use)).is_ok:
        raise NotApplicable("the volume is not published there; that is judged elsewhere")
    csi.client.call(node_expanding(use, csi.options.capacity))
