"""Topologies: which agree, and which of a volume's are among those that were required."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.requests import changed, messages
from reports.model import ClauseViolation, NotApplicable

CONSTRAINTS = "plugin.VOLUME_ACCESSIBILITY_CONSTRAINTS"
_KEY = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
_PREFIX = re.compile(r"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?")
Segments = Mapping[str, str]


def own_segments(csi: Bench) -> dict[str, str]:
    """The topology of this node. NotApplicable: the driver declares no constraints, or the node states none."""
    csi.require(CONSTRAINTS)
    if csi.capabilities.topology is None or not csi.capabilities.topology.segments:
        raise NotApplicable("the node states no topology, which another clause judges")
    return dict(csi.capabilities.topology.segments)


NODES = ("first", "second", "distant")


def two_places(csi: Bench, node: str) -> tuple[dict[str, str], dict[str, str]]:
    """The topology of one of NODES, and that of another. NotApplicable: there are no two, or they state none."""
    own = own_segments(csi)
    other = own_segments(csi.distant_node() if node == "distant" else csi.second_node())
    return (own, other) if node == "first" else (other, own)


def foreign_segments(csi: Bench) -> dict[str, str]:
    """The node's keys with values that no node has."""
    return dict.fromkeys(own_segments(csi), "seatrial-nowhere")


def requiring(request: Any, requisite: Sequence[Segments], preferred: Sequence[Segments] = ()) -> Any:
    """The creation request with accessibility requirements."""
    wanted = messages().TopologyRequirement()
    for segments in requisite:
        wanted.requisite.add(segments=segments)
    for segments in preferred:
        wanted.preferred.add(segments=segments)
    return changed(request, accessibility_requirements=wanted)


def agree(one: Segments, other: Segments) -> bool:
    """Whether a place may lie in both: they share keys, and differ in none of them."""
    shared = one.keys() & other.keys()
    return bool(shared) and all(one[key] == other[key] for key in shared)


def require_in_requisite(volume: Any, requisite: Sequence[Segments]) -> None:
    """ClauseViolation unless the volume is accessible where it was required. One that names no place is anywhere."""
    found = [dict(entry.segments) for entry in volume.accessible_topology]
    inside = [entry for entry in found if any(agree(entry, wanted) for wanted in requisite)]
    # With no more places than were required, all of them are chosen from those; with more, others may be beside them.
    if found and (not inside or (len(found) <= len(requisite) and inside != found)):
        raise ClauseViolation("the volume lies outside the required topology", expected=list(requisite), actual=found)


def require_well_formed(topologies: Sequence[Segments]) -> None:
    """ClauseViolation unless all keys and values have the prescribed form and the keys one prefix."""
    prefixes = set()
    for segments in topologies:
        if len({key.lower() for key in segments}) < len(segments):
            raise ClauseViolation("two topology keys differ by case only", expected="one", actual=sorted(segments))
        for key, value in segments.items():
            prefix, slash, name = key.rpartition("/")
            prefixes.add(prefix)
            if not _KEY.fullmatch(name) or (slash and not _PREFIX.fullmatch(prefix)):
                raise ClauseViolation("a topology key is malformed", expected="prefix/name", actual=repr(key))
            if not _KEY.fullmatch(value):
                raise ClauseViolation(
                    "a topology value is malformed", expected="1 to 63 letters, digits, -, _ and .", actual=repr(value)
                )
    if len(prefixes - {""}) > 1:
        raise ClauseViolation("topology keys have several prefixes", expected="one", actual=sorted(prefixes))
