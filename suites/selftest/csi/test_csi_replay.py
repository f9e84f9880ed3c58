"""A transcript plays again: with new ids, without secrets, and as a script that holds all it needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fixtures.lease import Lease
from fixtures.subjects.csi.client import Client
from fixtures.subjects.csi.replay import new_ids, replay
from fixtures.subjects.csi.requests import create_volume, messages
from fixtures.subjects.csi.started import reference
from fixtures.subjects.csi.transcript import replay_script, write_transcript

ROOT = Path(__file__).resolve().parents[3]


def test_new_ids_are_found_at_the_same_place_in_lists_too() -> None:
    then = {"entries": [{"volume": {"volume_id": "a", "capacity_bytes": "5"}}], "next_token": "x"}
    now = {"entries": [{"volume": {"volume_id": "b", "capacity_bytes": "5"}}], "next_token": "y"}
    assert new_ids(then, now) == {"a": "b"}


@pytest.mark.needs("root")
def test_transcript_plays_again_with_new_ids(lease: Lease, tmp_path: Path, capsys: Any) -> None:
    driver = reference(lease)
    client = Client(driver.endpoint)
    try:
        volume = client.call(create_volume("seatrial-replay")).volume
        client.call(messages().DeleteVolumeRequest(volume_id=volume.volume_id))
        lines = write_transcript(client.calls).splitlines()
        assert replay(lines, client) == 0
        assert client.calls[3].request.volume_id == client.calls[2].response.volume.volume_id
        assert "CreateVolume: then OK, now OK" in capsys.readouterr().out
        other = [line.replace('"code": "OK"', '"code": "NOT_FOUND"') for line in lines]
        assert replay(other, client) == 2
        script = tmp_path / "play.sh"
        script.write_text(replay_script(lines, driver.endpoint, str(tmp_path / "calls.jsonl")))
        played = script.read_text().replace("python -m", f"{sys.executable} -m")
        done = subprocess.run(["sh", "-c", played], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("now OK") == 2
    finally:
        client.close()
        driver.stop()


@pytest.mark.needs("root")
@pytest.mark.parametrize("keep", [False, True])
def test_replay_gives_back_what_its_calls_made_unless_it_is_told_to_keep(
    lease: Lease, tmp_path: Path, keep: bool
) -> None:
    driver = reference(lease)
    client = Client(driver.endpoint)
    try:
        made = client.call(create_volume("seatrial-replay")).volume
        (tmp_path / "calls").write_text(write_transcript(client.calls))
        client.call(messages().DeleteVolumeRequest(volume_id=made.volume_id))
        others = len(client.call(messages().ListVolumesRequest()).entries)
        command = [sys.executable, "-m", "fixtures.subjects.csi.replay", str(tmp_path / "calls"), driver.endpoint]
        subprocess.run([*command, *(["--keep"] if keep else [])], cwd=ROOT, timeout=60, check=True)
        assert len(client.call(messages().ListVolumesRequest()).entries) == others + keep
    finally:
        client.close()
        driver.stop()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("[[deviation]\n", "is no transcript"),
        ('{"rpc": "Probe", "request": {}, "code": "OK"}\n', "no CSI driver answers"),
    ],
)
def test_replay_that_cannot_be_says_why_in_one_line(tmp_path: Path, content: str, says: str) -> None:
    (tmp_path / "calls").write_text(content)
    command = [
        sys.executable,
        "-m",
        "fixtures.subjects.csi.replay",
        str(tmp_path / "calls"),
        f"unix://{tmp_path}/x.sock",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr
