"""What the janitor may remove, by marks alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.cloud.aws_kinds import kind_of, name_of
from fixtures.cloud.expiry import Resource, sort
from fixtures.cloud.google_kinds import LONGEST
from fixtures.clusters.capi import settings
from fixtures.clusters.tofu import order
from fixtures.clusters.tofu.policy import EXPIRES, LEASE, OWNER, WHEN

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
PAST, FUTURE = ((NOW + timedelta(seconds=step)).strftime(WHEN) for step in (-1, 1))
MARKS = {LEASE: "seatrial-00000001", OWNER: "me", EXPIRES: PAST}


def expired(marks: dict[str, str], owner: str = "me", in_use: tuple[str, ...] = ()) -> bool:
    """Whether the janitor would remove it."""
    return bool(sort([Resource("x", "", marks)], NOW, owner, in_use).expired)


def test_what_is_ours_and_past_its_time_is_expired() -> None:
    assert expired(MARKS)
    assert expired(MARKS, owner="")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({EXPIRES: FUTURE}, "its time ends at 2026-11-25 12:00 UTC"),
        ({EXPIRES: ""}, "is no time"),
        ({EXPIRES: "yesterday"}, "is no time"),
        ({OWNER: "you"}, "it is you's"),
        ({OWNER: ""}, "it has no mark"),
        ({LEASE: "production"}, "is none of ours"),
        ({LEASE: "seatrial-00000001x"}, "is none of ours"),
    ],
)
def test_what_is_not_surely_ours_and_expired_stays(change: dict[str, str], reason: str) -> None:
    stays = sort([Resource("x", "", {**MARKS, **change})], NOW, "me").stays
    assert len(stays) == 1
    assert reason in stays[0][1]


def test_what_a_run_on_this_machine_uses_stays() -> None:
    assert not expired(MARKS, in_use=("seatrial-00000001",))
    assert expired(MARKS, in_use=("seatrial-00000002",))


@given(st.dictionaries(st.sampled_from([LEASE, OWNER, EXPIRES, "Name"]), st.text()))
def test_marks_of_any_form_are_judged_and_never_taken_for_ours(marks: dict[str, str]) -> None:
    found = sort([Resource("x", "", marks)], NOW, "")
    assert len(found.expired) + len(found.stays) == 1
    assert not found.expired or set(marks) >= {LEASE, OWNER, EXPIRES}


@pytest.mark.parametrize(
    ("arn", "kind", "name"),
    [
        ("arn:aws:ec2:eu-west-1:1:vpc/vpc-1", "ec2:vpc", "vpc-1"),
        ("arn:aws:iam::1:role/path/of/role", "iam:role", "role"),
        ("arn:aws:eks:eu-west-1:1:nodegroup/c/n/uuid", "eks:nodegroup", "uuid"),
        ("arn:aws:logs:eu-west-1:1:log-group:/aws/eks", "logs:log-group", "eks"),
        ("arn:aws:s3:::bucket", "s3:bucket", "bucket"),
    ],
)
def test_name_of_a_thing_in_aws_tells_its_kind(arn: str, kind: str, name: str) -> None:
    assert (kind_of(arn), name_of(f":{arn}")) == (kind, name)


def test_what_nobody_knows_the_end_of_outlasts_the_longest_lease() -> None:
    assert timedelta(seconds=order._LONGEST) <= LONGEST
    assert timedelta(hours=settings._LONGEST) <= LONGEST
