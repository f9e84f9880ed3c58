"""A volume that holds one file system and is staged for another one."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from fixtures.subjects.csi.bench import Bench, InUse
from fixtures.subjects.csi.content import require_files, write_files
from fixtures.subjects.csi.requests import mount
from reports.model import ClauseViolation
from suites.csi.node.file_systems import in_use_with
from suites.csi.node.test_use_again import DISK_FILE_SYSTEMS, file_systems_at

STAGE = "node.STAGE_UNSTAGE_VOLUME"


@pytest.mark.clause("csi.node-stage.other-file-system-is-not-pretended")
@pytest.mark.parametrize(("old", "new"), [("ext4", "xfs"), ("xfs", "ext4")])
def test_volume_staged_for_another_file_system_has_it_or_is_refused(
    csi: Bench, rng: Random, old: str, new: str
) -> None:
    csi.require(STAGE)
    use = in_use_with(csi, mount(fs_type=old))
    content = write_files(use.target, rng)
    csi.take_down(use)
    wanted = mount(fs_type=new)
    context = csi.attach(use.volume, use.capability)
    again = InUse(use.volume, wanted, use.staging, use.target, context)
    is_staged = csi.client.answer(csi.staging(use.volume, wanted, context, use.staging)).is_ok
    if is_staged and csi.client.answer(csi.publishing(again)).is_ok:
        kinds = file_systems_at(Path(use.target)) & set(DISK_FILE_SYSTEMS)
        if kinds and new not in kinds:
            raise ClauseViolation("a volume is staged as what it is not", expected=f"{new}, or a refusal", actual=kinds)
        csi.client.call(csi.unpublishing(again))
    if is_staged:
        csi.client.call(csi.unstaging(again))
    csi.client.call(csi.staging(use.volume, use.capability, context, use.staging))
    csi.client.call(csi.publishing(use))
    require_files(use.target, content, f"a stage of an {old} for {new}")
