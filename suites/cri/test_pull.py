"""Images pulled from a registry of the test's own, whole, broken and missing."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fixtures.images.archive import Contents, build_image
from fixtures.subjects.cri.checks import require_equal, require_refusal
from fixtures.subjects.cri.client import CriClient
from fixtures.subjects.cri.registry import Registry
from fixtures.subjects.cri.runtime import Runtime
from reports.model import HarnessError


@pytest.fixture
def registry(cri_runtime: Runtime) -> Iterator[Registry]:
    """An empty registry that the private runtime can reach."""
    private = cri_runtime.require_private("a registry in its network namespace")
    held = Registry()
    held.start(private.init_pid)
    private.trust_registry(held.address)
    yield held
    held.stop()


def fresh_archive(folder: Path) -> Path:
    """An image that nobody has."""
    text = secrets.token_hex(8)
    return build_image(f"fresh:{text}", Contents(texts={"/mark": text}), folder / f"{text}.tar")


def pull(cri: CriClient, name: str) -> str:
    """PullImage; the image_ref."""
    return str(cri.call("PullImage", image=cri.messages.ImageSpec(image=name), deadline=30).image_ref)


def image_of(cri: CriClient, name: str) -> Any:
    """ImageStatus.image, or None."""
    answer = cri.call("ImageStatus", image=cri.messages.ImageSpec(image=name))
    return answer.image if answer.HasField("image") else None


def require_asked(registry: Registry, what: str) -> None:
    """A refusal says something only if the runtime really asked the registry for the thing in question."""
    if not any(path.endswith(what) for path in registry.asked):
        raise HarnessError(f"the runtime refused without asking for {what}: {registry.asked}")


@pytest.mark.clause("cri.pull-image.image-ref-equality")
def test_image_pulled_by_tag_has_the_id_that_pull_returned(cri: CriClient, registry: Registry, tmp_path: Path) -> None:
    registry.add(fresh_archive(tmp_path), "1")
    name = f"{registry.address}/fleet/ship:1"
    reference = pull(cri, name)
    require_equal("Image.id", image_of(cri, name).id, reference)
    require_equal("what a second pull returns", pull(cri, name), reference)


@pytest.mark.clause("cri.pull-image.by-digest")
def test_image_pulled_by_digest_is_known_by_it(cri: CriClient, registry: Registry, tmp_path: Path) -> None:
    digest = registry.add(fresh_archive(tmp_path), "1")
    name = f"{registry.address}/fleet/ship@{digest}"
    reference = pull(cri, name)
    found = image_of(cri, name)
    require_equal("id and digests", (found.id, list(found.repo_digests)), (reference, [name]))


@pytest.mark.clause("cri.pull-image.moved-tag")
def test_image_pulled_after_its_tag_moved_is_the_new_one(cri: CriClient, registry: Registry, tmp_path: Path) -> None:
    name = f"{registry.address}/fleet/ship:1"
    registry.add(fresh_archive(tmp_path), "1")
    before = pull(cri, name)
    registry.add(fresh_archive(tmp_path), "1")
    after = pull(cri, name)
    require_equal(
        "whether the id changed, and the status with it", (after != before, image_of(cri, name).id), (True, after)
    )


@pytest.mark.clause("cri.pull-image.missing-is-error")
def test_image_pull_of_an_unknown_tag_is_an_error(cri: CriClient, registry: Registry, tmp_path: Path) -> None:
    registry.add(fresh_archive(tmp_path), "1")
    require_refusal("PullImage of a tag that is not there", lambda: pull(cri, f"{registry.address}/fleet/ship:2"))
    require_asked(registry, "/manifests/2")


@pytest.mark.clause("cri.pull-image.corrupt-refused")
@pytest.mark.parametrize("what", ["manifest", "layer"])
def test_image_with_wrong_bytes_is_refused_and_not_kept(
    cri: CriClient, registry: Registry, tmp_path: Path, what: str
) -> None:
    digest = registry.add(fresh_archive(tmp_path), "1")
    spoiled = digest if what == "manifest" else registry.layers(digest)[0]
    registry.spoiled.add(spoiled)
    name = f"{registry.address}/fleet/ship@{digest}"
    require_refusal(f"PullImage with a {what} that does not match its digest", lambda: pull(cri, name))
    require_asked(registry, spoiled)
    require_equal("ImageStatus afterwards", image_of(cri, name), None, "Are the bytes checked against the digest?")
