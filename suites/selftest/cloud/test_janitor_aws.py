"""The janitor on an AWS that moto plays: what has expired goes, everything else stays."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fixtures.clusters.tofu.policy import EXPIRES, LEASE
from suites.selftest.cloud.emulated import REGION, Emulated, emulated
from suites.selftest.cloud.marking import janitor, marks

pytestmark = [pytest.mark.full, pytest.mark.timeout(600)]


@pytest.fixture
def aws() -> Iterator[Emulated]:
    """An empty one."""
    with emulated() as running:
        yield running


def test_expired_cluster_is_listed_first_and_removed_when_asked(aws: Emulated) -> None:
    empty = aws.there()
    aws.cluster(marks(1, -1))
    before = aws.there()
    assert all(before[kind] > number for kind, number in empty.items()), "or the end proves nothing"
    status, told = janitor("aws", "--region", REGION, "--owner", "Team A")
    assert (status, aws.there()) == (2, before), told
    assert told.count("expired: arn:aws:") == 12, told
    assert "nothing was removed; --delete removes" in told
    status, told = janitor("aws", "--region", REGION, "--owner", "Team A", "--delete")
    assert (status, aws.there()) == (0, empty), told
    assert told.count("removed arn:aws:") == 12, told


def test_what_is_not_expired_not_ours_or_of_others_stays(aws: Emulated) -> None:
    aws.cluster(marks(1, 1))
    aws.cluster(marks(2, -1, owner="team-b"))
    aws.cluster({"Name": "production"})
    aws.cluster({**marks(3, -1), LEASE: "production"})
    aws.cluster({**marks(4, -1), EXPIRES: "soon"})
    before = aws.there()
    status, told = janitor("aws", "--region", REGION, "--owner", "team-a", "--delete")
    assert (status, aws.there()) == (0, before), told
    assert [line for line in told.splitlines() if not line.startswith("stays: ")] == []
    assert "production" not in {line.split()[-1] for line in told.splitlines()}


def test_expired_cluster_beside_others_goes_alone(aws: Emulated) -> None:
    aws.cluster(marks(1, 1))
    before = aws.there()
    aws.cluster(marks(2, -1))
    status, told = janitor("aws", "--region", REGION, "--anybody", "--delete")
    assert (status, aws.there()) == (0, before), told


def test_thing_of_a_kind_that_we_cannot_remove_is_listed_as_left(aws: Emulated) -> None:
    tags = [{"Key": key, "Value": value} for key, value in marks(1, -1).items()]
    aws.client("s3").create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": REGION})
    aws.client("s3").put_bucket_tagging(Bucket="bucket", Tagging={"TagSet": tags})
    status, told = janitor("aws", "--region", REGION, "--anybody", "--delete")
    assert status == 2
    assert "left: arn:aws:s3:::bucket" in told
    assert "remove it by hand" in told


def test_cloud_that_does_not_answer_is_told(aws: Emulated, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    status, told = janitor("aws", "--region", REGION, "--anybody")
    assert status == 2
    assert "AWS does not tell what there is" in told
    assert "Traceback" not in told


def test_owner_has_to_be_named() -> None:
    assert janitor("aws", "--region", REGION)[0] == 3
    assert janitor("aws", "--region", REGION, "--owner", "")[0] == 3
