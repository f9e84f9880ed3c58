"""Ephemeral inline volumes, which are made by their publish and end with their unpublish, as a kubelet asks for them.

No capability tells whether a driver serves them: one that refuses the publish does not.
"""

from __future__ import annotations

import os
import secrets
from random import Random
from typing import Any

import pytest

from fixtures.subjects.csi.bench import Bench, InUse, require_mounted
from fixtures.subjects.csi.content import require_files, user_files, write_files
from fixtures.subjects.csi.leaks import mounts_below
from fixtures.subjects.csi.requests import messages, mount
from reports.model import ClauseViolation, NotApplicable
from suites.csi.data.test_data import lasting
from suites.csi.node.test_readonly import require_refused_write
from suites.csi.resilience.test_kill_during_call import require_owned

CONTEXT = {"csi.storage.k8s.io/ephemeral": "true", "csi.storage.k8s.io/pod.name": "seatrial"}


def inline(csi: Bench, capability: Any = None) -> InUse:
    """An ephemeral volume that is about to be published: an id as a kubelet makes it, and nothing at the driver."""
    volume = messages().Volume(volume_id=f"csi-{secrets.token_hex(32)}", volume_context=CONTEXT)
    return InUse(volume, capability or mount(), "", csi.folder / f"inline-{secrets.token_hex(3)}", {})


def published(csi: Bench, use: InUse, readonly: bool = False) -> InUse:
    """The volume at its target path. NotApplicable: the driver serves no ephemeral volumes."""
    answer = csi.client.answer(csi.publishing(use, readonly))
    if not answer.is_ok:
        raise NotApplicable(f"the driver publishes no ephemeral inline volumes: {answer}")
    return use


@pytest.mark.clause("csi.ephemeral.volume-is-at-target")
def test_ephemeral_volume_is_empty_and_takes_files(csi: Bench, rng: Random) -> None:
    use, other = (published(csi, inline(csi)) for _ in range(2))
    require_mounted(use.target)
    found = user_files(use.target)
    content = write_files(use.target, rng)
    require_files(use.target, content, "a write")
    found += user_files(other.target)
    if found:
        raise ClauseViolation("a new ephemeral volume holds files", expected="none", actual=found[:8])


@pytest.mark.clause("csi.ephemeral.publish-is-idempotent")
def test_ephemeral_volume_published_twice_is_the_same(csi: Bench, rng: Random) -> None:
    use = published(csi, inline(csi))
    content, before = write_files(use.target, rng), mounts_below(csi.folder)
    csi.client.call(csi.publishing(use))
    if mounts_below(csi.folder) != before:
        raise ClauseViolation("a second publish mounted something", expected=before, actual=mounts_below(csi.folder))
    require_files(use.target, content, "a second publish of an ephemeral volume")


@pytest.mark.clause("csi.ephemeral.ends-with-its-publish")
def test_ephemeral_volume_is_gone_after_its_unpublish(csi: Bench, rng: Random) -> None:
    use = published(csi, inline(csi))
    write_files(use.target, rng)
    csi.client.call(csi.unpublishing(use))
    if use.target.exists() or lasting(csi):
        raise ClauseViolation(
            "an ephemeral volume is left", expected="nothing", actual=[str(use.target), *lasting(csi)]
        )
    if {"controller.LIST_VOLUMES"} & csi.capabilities.declared:
        entries = csi.client.call(messages().ListVolumesRequest()).entries
        assert use.volume.volume_id not in [entry.volume.volume_id for entry in entries], "it is still listed"
    published(csi, use)
    found = user_files(use.target)
    if found:
        raise ClauseViolation("an ephemeral volume shows files of one before", expected="none", actual=found[:8])


@pytest.mark.clause("csi.ephemeral.ends-with-its-publish")
def test_ephemeral_volume_ends_alone(csi: Bench, rng: Random) -> None:
    use, other = (published(csi, inline(csi)) for _ in range(2))
    content = write_files(other.target, rng)
    csi.client.call(csi.unpublishing(use))
    require_mounted(other.target)
    require_files(other.target, content, "the unpublish of another ephemeral volume")


@pytest.mark.clause("csi.ephemeral.is-as-asked")
def test_ephemeral_volume_is_mounted_as_asked(csi: Bench) -> None:
    flagged = mount(flags=["noexec"])
    if not os.statvfs(published(csi, inline(csi, flagged)).target).f_flag & os.ST_NOEXEC:
        raise ClauseViolation("a mount flag of an ephemeral volume has no effect", expected="noexec", actual="not set")
    require_refused_write(published(csi, inline(csi), readonly=True).target, "mount")


@pytest.mark.clause("csi.ephemeral.outlives-the-driver")
def test_ephemeral_volume_outlives_a_kill_and_ends_after_it(csi: Bench, rng: Random) -> None:
    require_owned(csi)
    use = published(csi, inline(csi))
    content = write_files(use.target, rng)
    csi.restart()
    csi.client.call(csi.publishing(use))
    require_files(use.target, content, "a kill of the driver")
    csi.client.call(csi.unpublishing(use))
    if use.target.exists() or lasting(csi):
        raise ClauseViolation("an ephemeral volume is left after a kill", expected="nothing", actual=lasting(csi))
