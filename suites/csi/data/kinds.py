"""The kinds of volume that hold data: each with a way to write something into it and to ask for it again."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

from fixtures.subjects.csi.bench import Bench, InUse
from fixtures.subjects.csi.content import (
    BLOCK_BYTES,
    Content,
    device_bytes,
    read_block,
    require_files,
    write_block,
    write_files,
)
from fixtures.subjects.csi.requests import MIB, block, mount, span
from reports.model import ClauseViolation
from suites.csi.node.file_systems import in_use_with

ODD = MIB // 2 + 3 * 4096  # bytes: whole pages, and no round number of anything larger


@dataclass(frozen=True)
class Kind:
    """A kind of volume; capability is what it is asked for and used with."""

    capability: Any

    @property
    def is_block(self) -> bool:
        return bool(self.capability.HasField("block"))

    def bring_up(self, csi: Bench) -> InUse:
        """A fresh volume in use, of an odd size, so that its end is seen too. NotApplicable: it is not served."""
        return in_use_with(csi, self.capability, span(csi.options.capacity + ODD))

    def write(self, use: InUse, rng: Random, label: str = "file") -> Content:
        """Files, or the first and the last bytes of a device and some in its middle."""
        if not self.is_block:
            return write_files(use.target, rng, label)
        last = device_bytes(use.target) - BLOCK_BYTES
        middle = last // 2 // BLOCK_BYTES * BLOCK_BYTES
        return Content({str(offset): write_block(use.target, rng, offset) for offset in (0, middle, last)})

    def require(self, use: InUse, content: Content, after: str) -> None:
        """ClauseViolation unless all of it is there."""
        if not self.is_block:
            require_files(use.target, content, after)
            return
        for offset, digest in content.digests.items():
            if read_block(use.target, int(offset)) != digest:
                raise ClauseViolation(
                    f"the volume lost its data after {after}", expected=f"{digest[:16]} at byte {offset}",
                    actual="other bytes",
                )  # fmt: skip


KINDS = {
    "ext4": Kind(mount(fs_type="ext4")),
    "xfs": Kind(mount(fs_type="xfs")),
    "block": Kind(block()),
    "shared": Kind(mount("MULTI_NODE_MULTI_WRITER")),
}
