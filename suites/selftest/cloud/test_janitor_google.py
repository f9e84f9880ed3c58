"""The janitor on a Google Cloud that is played on loopback: what has expired goes in order, everything else stays."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fixtures.cloud.google import Google
from fixtures.cloud.google_kinds import KINDS, NOBODY, spot
from fixtures.cloud.janitor import Swept, sweep
from fixtures.clusters.tofu.policy import EXPIRES, LEASE, OWNER
from reports.model import EnvironmentUnfit
from suites.selftest.cloud.emulated_google import PROJECT, EmulatedGoogle, emulated_google, refusal
from suites.selftest.cloud.google_scenes import REGION, ZONE, capg, gke
from suites.selftest.cloud.marking import ROOT, janitor, marks

pytestmark = [pytest.mark.full, pytest.mark.timeout(300)]
PROTECTED = refusal(400, "invalid", "Invalid resource usage: 'The instance is protected against deletion.'")


@pytest.fixture
def google(tmp_path: Path) -> Iterator[EmulatedGoogle]:
    """An empty project."""
    with emulated_google(tmp_path) as running:
        yield running
        assert running.wrong == []


def swept(owner: str = "team-a", delete: bool = True, regions: tuple[str, ...] = ()) -> Swept:
    """What the janitor does, with short pauses."""
    return sweep(Google(regions, seconds=20, pause=0.02), owner, delete)


@pytest.mark.parametrize("scene", [gke, capg])
def test_expired_cluster_is_listed_first_and_removed_when_asked(google: EmulatedGoogle, scene: Any) -> None:
    made = scene(google, marks(1, -1))
    told = swept("Team A", delete=False)
    assert (told.left, len(google.things)) == (len(made), len(made)), told.lines
    assert not any(call.endswith("delete") for call in google.calls)
    told = swept("Team A")
    assert (told.left, google.things) == (0, {}), told.lines
    assert {line.split()[1].split(".com/", 1)[1] for line in told.lines} == set(made)


@pytest.mark.parametrize("scene", [gke, capg])
@pytest.mark.parametrize("change", [
    {EXPIRES: marks(1, 1)[EXPIRES]}, {OWNER: "team-b"}, {EXPIRES: "soon"}, {EXPIRES: "20261301t000000z"},
])  # fmt: skip
def test_what_is_not_expired_not_readable_or_of_others_stays(
    google: EmulatedGoogle, scene: Any, change: dict[str, str]
) -> None:
    made = scene(google, {**marks(1, -1), **change})
    told = swept()
    assert (told.left, sorted(google.things)) == (0, sorted(made))
    assert len(told.lines) == len(made)
    assert all(line.startswith("stays: ") for line in told.lines)


def test_what_carries_other_labels_is_not_even_listed(google: EmulatedGoogle) -> None:
    strange = {"Seatrial-lease" if key == LEASE else key: value for key, value in marks(1, -1).items()}
    google.put(f"zones/{ZONE}/instances/seatrial-00000001-vm", labels=strange)
    google.put("global/networks/seatrial-0000001", description="seatrial-owner=team-a")
    google.put("global/networks/notseatrial-00000001")
    google.put(f"zones/{ZONE}/disks/production", labels={"team": "team-a"})
    capg(google, {LEASE: "seatrial-00000003", "x": "y"}, name="production")
    before = dict(google.things)
    told = swept("")
    assert google.things == before
    assert all("stays: " in line and "it has no mark" in line for line in told.lines)
    assert not [line for line in told.lines if "00000001" in line]


def test_expired_cluster_beside_others_goes_alone(google: EmulatedGoogle) -> None:
    stay = [*gke(google, marks(1, 1)), *capg(google, marks(2, -1, owner="team-b"), name="other-seatrial-00000002")]
    gke(google, marks(3, -1))
    capg(google, marks(4, -1))
    told = swept()
    assert (told.left, sorted(google.things)) == (0, sorted(stay)), told.lines


def test_rest_of_a_lease_without_any_labels_ends_with_the_longest_lease(google: EmulatedGoogle) -> None:
    born = datetime.now(UTC) - timedelta(days=14)
    old, young = ((born + step).isoformat() for step in (-timedelta(hours=1), timedelta(hours=1)))
    google.put("global/healthChecks/s-seatrial-00000001-apiserver", creationTimestamp=old)
    stay = google.put("global/healthChecks/s-seatrial-00000002-apiserver", creationTimestamp=young)
    unknown = google.put("global/healthChecks/s-seatrial-00000003-apiserver")
    assert "it is nobody-known's" in " ".join(swept("team-a").lines)
    assert len(google.things) == 3
    told = swept("")
    assert sorted(google.things) == sorted([stay, unknown]), told.lines
    assert NOBODY in " ".join(told.lines)


def test_what_is_known_by_its_name_ends_with_those_that_end_last(google: EmulatedGoogle) -> None:
    google.put(f"zones/{ZONE}/disks/early", labels=marks(1, -1))
    late = google.put(f"zones/{ZONE}/disks/late", labels=marks(1, 1))
    check = google.put("global/healthChecks/s-seatrial-00000001-apiserver")
    assert swept().left == 0
    assert sorted(google.things) == sorted([late, check])


def test_region_that_is_not_asked_for_is_left_alone(google: EmulatedGoogle) -> None:
    there = google.put("zones/us-east1-b/disks/far", labels=marks(1, -1))
    google.put(f"zones/{ZONE}/disks/near", labels=marks(1, -1))
    google.put(f"regions/{REGION}/addresses/near", labels=marks(1, -1))
    assert swept(regions=(REGION,)).left == 0
    assert list(google.things) == [there]


def test_marked_pool_in_a_cluster_of_others_goes_and_the_cluster_stays(google: EmulatedGoogle) -> None:
    pools = [{"name": "theirs"}, {"name": "ours", "config": {"resourceLabels": marks(1, -1)}}]
    shared = google.put(f"locations/{REGION}/clusters/shared", nodePools=pools)
    told = swept(delete=False)
    (name, _) = [line.split()[1] for line in told.lines]
    assert name == f"//container.googleapis.com/{shared}/nodePools/ours"
    assert spot(name).command(PROJECT).endswith(f"delete ours --project {PROJECT} --cluster shared --location {REGION}")
    assert swept().left == 0
    assert google.pools(shared) == ["theirs"]


def test_thing_that_is_protected_is_left_with_its_command_and_not_tried_again(google: EmulatedGoogle) -> None:
    google.put(f"zones/{ZONE}/instances/vm", labels=marks(1, -1))
    google.put(f"zones/{ZONE}/disks/other", labels=marks(2, -1))
    google.faults.append(("instances.delete", PROTECTED))
    told = swept()
    assert (told.left, list(google.things)) == (1, [f"projects/{PROJECT}/zones/{ZONE}/instances/vm"])
    assert google.calls.count("compute.instances.delete") == 1
    (left,) = [line for line in told.lines if line.startswith("left: ")]
    assert "protected against deletion" in left
    assert left.endswith(f"by hand: gcloud compute instances delete vm --project {PROJECT} --zone {ZONE}")


def test_cluster_that_cannot_be_removed_keeps_what_stands_on_it(google: EmulatedGoogle) -> None:
    made = gke(google, marks(1, -1))
    google.faults.append(("clusters.delete", refusal(403, "forbidden", "Required container.clusters.delete.")))
    told = swept()
    assert (told.left, sorted(google.things)) == (len(made), sorted(made))
    assert "give the account that right in seatrial-tests" in " ".join(told.lines)


def test_refusal_for_the_number_of_requests_passes(google: EmulatedGoogle) -> None:
    google.put(f"zones/{ZONE}/disks/one", labels=marks(1, -1))
    busy = refusal(403, "rateLimitExceeded", "Rate Limit Exceeded")
    google.faults += [("disks.aggregatedList", refusal(429, "rateLimitExceeded", "Quota exceeded")), ("delete", busy)]
    assert swept().left == 0
    assert (google.things, google.faults) == ({}, [])


def test_what_somebody_else_removed_meanwhile_is_gone(google: EmulatedGoogle) -> None:
    google.put(f"zones/{ZONE}/disks/one", labels=marks(1, -1))
    cloud = Google(pause=0.02)
    found = cloud.find()
    google.things.clear()
    assert list(cloud.remove(found).values()) == [""]


def test_network_that_others_use_is_left_after_its_time(
    google: EmulatedGoogle, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"projects/{PROJECT}/global/networks/{marks(1, -1)[LEASE]}"
    gke(google, marks(1, -1))
    google.put(f"zones/{ZONE}/instances/theirs", networkInterfaces=[{"network": name}])
    rounds = SimpleNamespace(monotonic=itertools.count().__next__, sleep=lambda _seconds: None)
    monkeypatch.setattr("fixtures.cloud.google.time", rounds)
    told = sweep(Google(seconds=12, pause=0), "", delete=True)
    assert (told.left, len(google.things)) == (1, 2)
    assert "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE" in " ".join(told.lines)
    assert told.lines[-1].endswith(f"gcloud compute networks delete {marks(1, -1)[LEASE]} --project {PROJECT}")


@pytest.mark.parametrize(("status", "reason", "message", "told"), [
    (403, "accessNotConfigured", "It is disabled.", "gcloud services enable compute.googleapis.com"),
    (403, "forbidden", "Required 'compute.disks.list' permission.", "give the account that right in seatrial-tests"),
    (401, "authError", "Invalid Credentials", "gcloud auth application-default login"),
    (400, "invalid", "Something else.", "400 invalid: Something else."),
])  # fmt: skip
def test_refused_listing_is_told_with_what_to_do(
    google: EmulatedGoogle, status: int, reason: str, message: str, told: str
) -> None:
    google.faults += [("disks.aggregatedList", refusal(status, reason, message))] * 3
    with pytest.raises(EnvironmentUnfit, match="Google Cloud does not tell what there is") as raised:
        swept()
    assert told in str(raised.value)
    assert "\n" not in str(raised.value)


def test_zone_that_gke_does_not_tell_about_is_no_empty_zone(
    google: EmulatedGoogle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(google, "_clusters", lambda _path: (200, {}, {"missingZones": [ZONE]}))
    with pytest.raises(EnvironmentUnfit, match=ZONE):
        swept()


def test_command_lists_removes_and_ends_with_its_codes(google: EmulatedGoogle) -> None:
    google.put(f"zones/{ZONE}/disks/one", labels=marks(1, -1))
    status, told = janitor("google", "--owner", "Team A")
    assert (status, len(google.things)) == (2, 1), told
    assert "nothing was removed; --delete removes" in told
    status, told = janitor("google", "--owner", "Team A", "--delete")
    assert (status, google.things) == (0, {}), told


@pytest.mark.parametrize(("name", "value", "told"), [
    ("CLOUDSDK_API_ENDPOINT_OVERRIDES_COMPUTE", "http://127.0.0.1:9/compute/v1/", "it cannot be reached"),
    ("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere.json", "gcloud auth application-default login"),
])  # fmt: skip
def test_cloud_that_is_out_of_reach_is_told_in_one_line(
    google: EmulatedGoogle, monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    monkeypatch.setenv(name, value)
    status, output = janitor("google", "--anybody")
    assert (status, len(output.strip().splitlines())) == (2, 1), output
    assert told in output


def test_every_kind_has_a_command(google: EmulatedGoogle) -> None:
    paths = [f"{place}/{kind}/n" for kind in KINDS for place in ("global", f"zones/{ZONE}", f"regions/{REGION}")]
    told = [spot(f"//compute.googleapis.com/projects/p/{path}").command("p") for path in paths]
    assert all(line.startswith(("gcloud compute ", "gcloud container ")) and " delete n " in line for line in told)


def test_subject_token_that_is_refused_is_told(google: EmulatedGoogle, tmp_path: Path) -> None:
    (tmp_path / "subject-token").write_text("expired")
    with pytest.raises(EnvironmentUnfit, match=r"the credentials are not taken .*subject token is not taken.*; log in"):
        swept()
    assert google.calls == []


def test_janitor_without_the_client_tells_how_to_get_it() -> None:
    code = "import sys; sys.modules['googleapiclient'] = None; from fixtures.cloud.google import Google; Google()"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "pip install --require-hashes -r fixtures/cloud/google.lock" in done.stderr
