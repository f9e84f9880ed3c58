"""Image archives: valid, and the same bytes every time."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from fixtures.images.archive import Contents, build_image, is_static
from fixtures.images.catalogue import find_busybox

REFERENCE = "seatrial.local/probe:1"


@pytest.fixture
def contents(tmp_path: Path) -> Contents:
    (tmp_path / "program").write_bytes(b"\x7fELF program")
    return Contents(
        files={"/bin/program": tmp_path / "program"},
        texts={"/etc/passwd": "root:x:0:0::/:/bin/sh\n"},
        links={"/bin/sh": "/bin/program"},
        folders={"/work": 0o1777},
        entrypoint=["/bin/program"],
        env={"B": "2", "A": "1"},
        user="65535",
    )


def members(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as opened:
        found = {}
        for item in opened.getmembers():
            stream = opened.extractfile(item)
            found[item.name] = stream.read() if stream else b""
        return found


def blob(held: dict[str, bytes], descriptor: dict[str, Any]) -> bytes:
    """The described blob, its digest and size checked."""
    algorithm, _, digest = descriptor["digest"].partition(":")
    data = held[f"blobs/{algorithm}/{digest}"]
    assert hashlib.sha256(data).hexdigest() == digest
    assert len(data) == descriptor["size"]
    return data


def test_image_archive_has_a_whole_layout_with_right_digests(contents: Contents, tmp_path: Path) -> None:
    held = members(build_image(REFERENCE, contents, tmp_path / "image.tar"))
    assert json.loads(held["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    (described,) = json.loads(held["index.json"])["manifests"]
    assert described["annotations"]["io.containerd.image.name"] == REFERENCE
    manifest = json.loads(blob(held, described))
    config = json.loads(blob(held, manifest["config"]))
    (layer,) = [blob(held, item) for item in manifest["layers"]]
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(layer).hexdigest()}"]
    assert config["config"]["Entrypoint"] == ["/bin/program"]
    assert config["config"]["User"] == "65535"
    assert config["config"]["Env"] == ["A=1", "B=2"]
    assert len(held) == 5


def test_image_layer_has_modes_links_and_parents_before_children(contents: Contents, tmp_path: Path) -> None:
    held = members(build_image(REFERENCE, contents, tmp_path / "image.tar"))
    manifest = json.loads(blob(held, json.loads(held["index.json"])["manifests"][0]))
    with tarfile.open(fileobj=io.BytesIO(blob(held, manifest["layers"][0]))) as layer:
        items = {item.name: item for item in layer.getmembers()}
    names = list(items)
    assert names.index("bin") < names.index("bin/program")
    assert items["bin/program"].mode == 0o755
    assert items["bin/sh"].linkname == "/bin/program"
    assert items["work"].mode == 0o1777
    assert {(item.uid, item.gid, item.mtime) for item in items.values()} == {(0, 0, 0)}


def test_image_made_again_later_elsewhere_is_the_same_bytes(contents: Contents, tmp_path: Path) -> None:
    first = build_image(REFERENCE, contents, tmp_path / "image.tar").read_bytes()
    os.utime(tmp_path / "program", (5, 5))
    (tmp_path / "program").chmod(0o600)
    (tmp_path / "elsewhere").mkdir()
    second = build_image(REFERENCE, contents, tmp_path / "elsewhere" / "other.tar").read_bytes()
    assert first == second
    assert not list(tmp_path.rglob("*.layer"))


def test_image_of_other_content_has_another_digest(contents: Contents, tmp_path: Path) -> None:
    first = build_image(REFERENCE, contents, tmp_path / "a.tar").read_bytes()
    (tmp_path / "program").write_bytes(b"\x7fELF Program")
    assert build_image(REFERENCE, contents, tmp_path / "b.tar").read_bytes() != first


def test_static_program_is_told_from_a_dynamic_one(tmp_path: Path) -> None:
    (tmp_path / "script").write_text("#!/bin/sh\n")
    assert not is_static(tmp_path / "script")
    assert not is_static(Path("/bin/sh").resolve())
    busybox = find_busybox()
    assert busybox is None or is_static(busybox)
