"""What is in the members of a group snapshot: their data, all of one moment."""

from __future__ import annotations

from random import Random

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.content import require_files, user_files, write_files
from fixtures.subjects.csi.groups import GROUPS, grouping, make_group, member_of
from fixtures.subjects.csi.requests import from_snapshot
from reports.model import ClauseViolation
from suites.csi.data.writer import Writer, number_in

ROUNDS = 4


@pytest.mark.clause("csi.group-snapshot.members-hold-the-data")
def test_restored_members_hold_each_its_data(csi: Bench, rng: Random) -> None:
    csi.require(GROUPS)
    uses = [csi.bring_up(csi.create()) for _ in range(2)]
    contents = [write_files(use.target, rng, f"volume{number}") for number, use in enumerate(uses)]
    group = make_group(csi, grouping(csi, *(use.volume for use in uses)))
    for use in uses:
        write_files(use.target, rng, "after")
    for use, content in zip(uses, contents, strict=True):
        source = from_snapshot(member_of(group, use.volume).snapshot_id)
        restored = csi.bring_up(csi.create(source=source))
        require_files(restored.target, content, "a member of a group snapshot was restored")
        late = [name for name in user_files(restored.target) if "after" in name]
        if late:
            raise ClauseViolation("a member holds what was written after it", expected="none", actual=late)


@pytest.mark.clause("csi.group-snapshot.is-one-moment")
def test_group_snapshot_of_volumes_being_written_to_is_one_moment(csi: Bench) -> None:
    csi.require(GROUPS)
    uses = [csi.bring_up(csi.create()) for _ in range(2)]
    requests = [grouping(csi, *(use.volume for use in uses)) for _ in range(ROUNDS)]
    with Writer([use.target / "number" for use in uses]):
        groups = [make_group(csi, request) for request in requests]
    for group in groups:
        first, second = (member_of(group, use.volume).snapshot_id for use in uses)
        ahead, behind = (
            number_in(csi.bring_up(csi.create(source=from_snapshot(one))).target / "number") for one in (first, second)
        )
        # each number is written to the first volume, then to the second: no moment has anything else
        if not behind <= ahead <= behind + 1:
            raise ClauseViolation(
                "the members of a group snapshot are of different moments",
                expected="the number of the second volume, or one more, in the first", actual=(ahead, behind),
                question="Are the volumes copied one after the other while they are written to?",
            )  # fmt: skip
