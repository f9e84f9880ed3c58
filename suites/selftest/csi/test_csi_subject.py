"""The rest of the CSI subject: images without an engine, options, transcripts, blame."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fixtures.subjects.csi.client import Call
from fixtures.subjects.csi.image import image_of, require_engine
from fixtures.subjects.csi.leaks import blame
from fixtures.subjects.csi.ledger import Ledger
from fixtures.subjects.csi.options import read_options
from fixtures.subjects.csi.requests import changed, create_volume, messages, mount, without
from fixtures.subjects.csi.started import USUAL, arguments, command_of
from fixtures.subjects.csi.transcript import SECRET, write_transcript
from reports.model import EnvironmentUnfit, Part


def called(request: object, code: str = "OK", response: object = None) -> Call:
    """A call as the client would have kept it."""
    return Call(type(request).__name__.removesuffix("Request"), request, code, "", response, 0.001)


def test_image_without_an_engine_is_unfit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no-engine.sock")
    with pytest.raises(EnvironmentUnfit, match="no container engine answers"):
        require_engine()


def test_image_arguments_come_from_the_part_or_are_the_usual_ones() -> None:
    part = Part("csi-driver", "1", "image", "sha256:0")
    assert arguments(part) == list(USUAL)
    told = Part("csi-driver", "1", "image", "sha256:0", notes=("args: --socket /csi/csi.sock -v 5",))
    assert arguments(told) == ["--socket", "/csi/csi.sock", "-v", "5"]


def test_image_is_started_by_its_name_and_digest() -> None:
    part = Part("csi-driver", "1", "image registry.example/driver@sha256:0", "sha256:0")
    assert image_of(part) == "registry.example/driver@sha256:0"


def test_part_of_a_candidate_is_started_by_its_one_program(tmp_path: Path) -> None:
    (program := tmp_path / "driver").touch(mode=0o755)
    (tmp_path / "notes.txt").touch(mode=0o644)
    files = {path.name: str(path) for path in tmp_path.iterdir()}
    assert command_of(Part("csi-driver", "1", "path /x", "", files)) == [str(program), *USUAL]
    (tmp_path / "other").touch(mode=0o755)
    files["other"] = str(tmp_path / "other")
    with pytest.raises(EnvironmentUnfit, match="has 2 programs"):
        command_of(Part("csi-driver", "1", "path /x", "", files))


def test_transcript_blots_out_secrets() -> None:
    request = create_volume("v")
    request.secrets["key"] = "very secret"
    line = json.loads(write_transcript([called(request, response=messages().CreateVolumeResponse())]))
    assert line["request"]["secrets"] == {"key": SECRET}
    assert "very secret" not in json.dumps(line)


def test_options_refuse_what_they_do_not_know(tmp_path: Path) -> None:
    file = tmp_path / "p.toml"
    file.write_text('capacity = 5\n[parameters]\ntype = "fast"\n')
    assert (read_options(str(file)).capacity, read_options(str(file)).parameters) == (5, {"type": "fast"})
    file.write_text("size = 5\n")
    with pytest.raises(pytest.UsageError, match="size"):
        read_options(str(file))


def test_request_without_a_field_keeps_the_others() -> None:
    request = create_volume("v", mount())
    assert without(request, "name").name == ""
    assert list(without(request, "name").volume_capabilities) == [mount()]
    assert changed(request, name="w").name == "w"
    assert request.name == "v"


def test_leak_is_blamed_on_the_call_that_should_have_ended_it() -> None:
    publish = messages().NodePublishVolumeRequest(volume_id="v", target_path="/t/target")
    unpublish = messages().NodeUnpublishVolumeRequest(volume_id="v", target_path="/t/target")
    assert blame("/t/target", [called(publish)]) == "NodePublishVolume"
    assert blame("/t/target", [called(publish), called(unpublish)]) == "NodeUnpublishVolume"


def test_ledger_keeps_what_is_still_open() -> None:
    ledger, volume = Ledger(), messages().Volume(volume_id="v1")
    ledger.watch(called(create_volume("v"), response=messages().CreateVolumeResponse(volume=volume)))
    ledger.watch(called(messages().NodeStageVolumeRequest(volume_id="v1", staging_target_path="/s"), "INTERNAL"))
    assert [key[0] for key in ledger.open] == ["CreateVolume", "NodeStageVolume"]
    ledger.watch(called(messages().NodeUnstageVolumeRequest(volume_id="v1", staging_target_path="/s")))
    ledger.watch(called(messages().DeleteVolumeRequest(volume_id="v1")))
    assert not ledger.open
