"""Images on the node: described, named and removed as asked."""

from __future__ import annotations

import time
from typing import Any

import pytest

from fixtures.subjects.cri.bench import Bench
from fixtures.subjects.cri.checks import require_equal, require_recent
from fixtures.subjects.cri.client import CriClient
from fixtures.subjects.cri.runtime import Runtime
from reports.model import ClauseViolation


def image_of(cri: CriClient, name: str) -> Any:
    """ImageStatus.image, or None where the runtime says that there is none."""
    answer = cri.call("ImageStatus", image=cri.messages.ImageSpec(image=name))
    return answer.image if answer.HasField("image") else None


def names_listed(cri: CriClient) -> list[str]:
    """All tags of all images in ListImages."""
    return [tag for image in cri.call("ListImages").images for tag in image.repo_tags]


@pytest.mark.clause("cri.image-status.absent-is-nil")
def test_image_status_of_an_absent_image_is_empty_not_an_error(cri: CriClient) -> None:
    require_equal("the image in the answer", image_of(cri, "seatrial.local/never-was:1"), None)


@pytest.mark.clause("cri.image-status.size")
def test_image_size_is_above_zero(cri: CriClient, cri_runtime: Runtime) -> None:
    found = image_of(cri, cri_runtime.image)
    if found is None or found.size <= 0:
        raise ClauseViolation("the size of an image is not above 0", expected="> 0", actual=str(found))


@pytest.mark.clause("cri.image-status.same-in-list")
def test_image_in_list_is_that_of_its_status(cri: CriClient, cri_runtime: Runtime) -> None:
    found = image_of(cri, cri_runtime.image)
    listed = [image for image in cri.call("ListImages").images if image.id == found.id]
    require_equal("how often the image is listed", len(listed), 1)
    require_equal("its size and tags", (listed[0].size, list(listed[0].repo_tags)), (found.size, list(found.repo_tags)))


@pytest.mark.clause("cri.image-status.info-only-verbose")
def test_image_status_gives_info_only_when_verbose(cri: CriClient, cri_runtime: Runtime) -> None:
    spec = cri.messages.ImageSpec(image=cri_runtime.image)
    info = cri.call("ImageStatus", image=spec, verbose=False).info
    require_equal("ImageStatus.info of a call that is not verbose", dict(info), {})


@pytest.mark.clause("cri.image.id-equality")
def test_image_id_is_the_same_in_image_container_and_status(bench: Bench, cri: CriClient) -> None:
    container = bench.create(bench.run_sandbox())
    (item,) = cri.call("ListContainers", filter=cri.messages.ContainerFilter(id=container)).containers
    seen = {"Container.image_id": item.image_id, "ContainerStatus.image_id": bench.status(container).image_id}
    require_equal("the image ids", seen, dict.fromkeys(seen, image_of(cri, bench.image).id), "Id here, digest there?")


@pytest.mark.clause("cri.list-images.no-duplicates")
def test_image_with_two_names_is_listed_once(cri: CriClient, cri_runtime: Runtime) -> None:
    first, second = cri_runtime.load_fresh_image(2)
    listed = [image for image in cri.call("ListImages").images if {first, second} & set(image.repo_tags)]
    require_equal(
        "the names of each image listed", [sorted(image.repo_tags) for image in listed], [sorted([first, second])]
    )


@pytest.mark.clause("cri.list-images.filter")
def test_image_list_by_name_gives_just_that_image(cri: CriClient, cri_runtime: Runtime) -> None:
    (name,) = cri_runtime.load_fresh_image(1)
    wanted = cri.messages.ImageFilter(image=cri.messages.ImageSpec(image=name))
    tags = [list(image.repo_tags) for image in cri.call("ListImages", filter=wanted).images]
    require_equal("the images listed", tags, [[name]])


@pytest.mark.clause("cri.remove-image.gone-at-once")
def test_image_removed_is_gone_from_status_and_list(cri: CriClient, cri_runtime: Runtime) -> None:
    (name,) = cri_runtime.load_fresh_image(1)
    cri.call("RemoveImage", image=cri.messages.ImageSpec(image=name))
    require_equal("ImageStatus after removal", image_of(cri, name), None)
    require_equal("whether it is listed after removal", name in names_listed(cri), False)


@pytest.mark.clause("cri.remove-image.all-names")
def test_image_removed_by_one_name_loses_all_its_names(cri: CriClient, cri_runtime: Runtime) -> None:
    first, second = cri_runtime.load_fresh_image(2)
    cri.call("RemoveImage", image=cri.messages.ImageSpec(image=first))
    require_equal("ImageStatus by the other name", image_of(cri, second), None, "Is only the tag removed?")


@pytest.mark.clause("cri.remove-image.idempotent")
def test_image_removed_twice_answers_success(cri: CriClient, cri_runtime: Runtime) -> None:
    (name,) = cri_runtime.load_fresh_image(1)
    for _ in range(2):
        cri.call("RemoveImage", image=cri.messages.ImageSpec(image=name))


@pytest.mark.clause("cri.image-fs-info.timed")
def test_image_fs_info_names_a_file_system_with_time(cri: CriClient) -> None:
    began = time.time()
    found = cri.call("ImageFsInfo").image_filesystems
    if not found or not found[0].fs_id.mountpoint:
        raise ClauseViolation("ImageFsInfo names no file system", expected="at least one", actual=str(found))
    # Runtimes gather these figures every some seconds: the time may be that much older, never 0.
    require_recent("the time of the figures", found[0].timestamp, began - 120)


@pytest.mark.clause("cri.pull-image.unreachable-is-error")
def test_image_pull_of_what_no_registry_has_is_an_error(cri: CriClient) -> None:
    spec = cri.messages.ImageSpec(image="127.0.0.1:1/seatrial/never-was:1")
    try:
        answer = cri.call("PullImage", image=spec, deadline=20)
    except ClauseViolation as refused:
        if getattr(refused, "code", "") == "":
            raise
        return
    raise ClauseViolation("PullImage from nowhere was answered with success", expected="an error", actual=str(answer))
