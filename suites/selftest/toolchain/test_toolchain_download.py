"""Downloads, paths, alternatives: what was declared is what is used, and a switch is said."""

from __future__ import annotations

import dataclasses
import hashlib
import tarfile
from pathlib import Path

import pytest

from fixtures.toolchain import engine
from fixtures.toolchain.cache import Cache
from fixtures.toolchain.errors import CannotProvide, IdentityMismatch
from fixtures.toolchain.progress import Event
from fixtures.toolchain.provide import provide, read_parts, write_parts
from reports.model import Component, Source


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


@pytest.fixture
def release(tmp_path: Path) -> Source:
    """A release archive with one tool in it, as a download source."""
    (tmp_path / "tool").write_text("#!/bin/sh\necho hello\n")
    with tarfile.open(tmp_path / "release.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "tool", "release-1.0/bin/tool")
    path = tmp_path / "release.tar.gz"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Source("download", url=path.as_uri(), sha256=digest, member={"release-1.0/bin/tool": "tool"})


def component(*sources: Source) -> Component:
    return Component("csi-driver", "1.0", sources)


def test_download_with_its_digest_gives_the_member(cache: Cache, release: Source) -> None:
    (part,) = provide([component(release)], cache)
    assert part.identity == f"sha256:{release.sha256}"
    assert Path(part.files["tool"]).read_text().endswith("echo hello\n")
    assert part.notes == ()


def test_download_with_another_digest_is_refused(cache: Cache, release: Source) -> None:
    wrong = dataclasses.replace(release, sha256="0" * 64)
    other = dataclasses.replace(release, url=release.url)
    with pytest.raises(IdentityMismatch) as caught:
        list(provide([component(wrong, other)], cache))
    message = str(caught.value)
    assert "csi-driver" in message
    assert "0" * 64 in message
    assert release.sha256 in message
    assert not list((cache.root / "objects").iterdir())


def test_download_without_the_declared_member_names_it(cache: Cache, release: Source) -> None:
    wrong = dataclasses.replace(release, member={"bin/absent": "tool"})
    with pytest.raises(CannotProvide, match="no member bin/absent"):
        list(provide([component(wrong)], cache))


def test_alternative_after_an_unreachable_source_is_noted_and_said(cache: Cache, release: Source) -> None:
    gone = dataclasses.replace(release, url="file:///nowhere/release.tar.gz")
    heard: list[Event] = []
    (part,) = provide([component(gone, release)], cache, heard.append)
    assert [note for note in part.notes if "switched to source 2" in note]
    assert [event for event in heard if event.state == "note" and "/nowhere/" in event.text]


def test_sources_all_unreachable_are_all_named(cache: Cache, release: Source) -> None:
    gone = dataclasses.replace(release, url="file:///nowhere/a")
    missing = Source("path", path="/nowhere/b")
    with pytest.raises(CannotProvide) as caught:
        list(provide([component(gone, missing)], cache))
    assert "/nowhere/a" in str(caught.value)
    assert "/nowhere/b" in str(caught.value)


def test_cached_file_damaged_is_made_again_with_a_note(cache: Cache, release: Source) -> None:
    (first,) = provide([component(release)], cache)
    path = Path(first.files["tool"])
    path.chmod(0o755)
    path.write_text("#!/bin/sh\necho evil\n")
    (second,) = provide([component(release)], cache)
    assert Path(second.files["tool"]).read_text().endswith("echo hello\n")
    assert [note for note in second.notes if "damaged" in note]


def test_path_with_another_digest_is_refused(cache: Cache, tmp_path: Path) -> None:
    (tmp_path / "driver").write_text("x")
    with pytest.raises(IdentityMismatch):
        list(provide([component(Source("path", path=str(tmp_path / "driver"), sha256="1" * 64))], cache))


def test_path_rewritten_after_provision_does_not_change_the_part(cache: Cache, tmp_path: Path) -> None:
    (tmp_path / "driver").write_text("first")
    (part,) = provide([component(Source("path", path=str(tmp_path / "driver")))], cache)
    (tmp_path / "driver").write_text("second")
    assert Path(part.files["driver"]).read_text() == "first"
    assert "without a declared sha256" in part.notes[0]


def test_image_without_an_engine_says_what_to_do(cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    with pytest.raises(CannotProvide, match="no Docker engine answers here"):
        engine.connect()
    source = Source("image", image="registry.example/driver", digest="sha256:" + "2" * 64)
    with pytest.raises(CannotProvide, match="DOCKER_HOST"):
        list(provide([component(source)], cache))


def test_parts_file_read_back_is_equal(cache: Cache, release: Source, tmp_path: Path) -> None:
    parts = list(provide([component(release)], cache))
    write_parts(tmp_path / "parts.json", parts, cache)
    assert read_parts(tmp_path / "parts.json") == parts
