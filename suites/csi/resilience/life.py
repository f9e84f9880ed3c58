"""What the specification says a volume is, step by step: the model that the state machine holds the driver against."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from fixtures.subjects.csi.bench import Bench, InUse
from fixtures.subjects.csi.content import Content, read_block, require_files, user_files, write_block, write_files
from fixtures.subjects.csi.leaks import is_mounted
from fixtures.subjects.csi.requests import block, messages, mount
from reports.model import ClauseViolation, NotApplicable

STRIDE = 1 << 20  # bytes between the places where a block volume is written


@dataclass
class Life:
    """One name and what became of it. content: what was written and must be read back, until it is deleted."""

    request: Any
    volume: Any = None
    staged: bool = False
    staging: str = ""
    context: Mapping[str, str] | None = None
    targets: dict[str, Path] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    blocks: dict[int, str] = field(default_factory=dict)
    has_to_grow: bool = False
    copies: int = 0
    used: bool = False

    @property
    def capability(self) -> Any:
        return self.request.volume_capabilities[0]

    @property
    def is_block(self) -> bool:
        return bool(self.capability.HasField("block"))

    @property
    def is_idle(self) -> bool:
        """Made, and on no node."""
        return self.volume is not None and self.context is None and not self.staged and not self.targets

    @property
    def has_content(self) -> bool:
        return bool(self.files or self.blocks)

    @property
    def is_copy(self) -> bool:
        """Made of a snapshot or a volume: these may be gone when its request is sent again."""
        return bool(self.request.HasField("volume_content_source"))

    @property
    def slots(self) -> str:
        """A letter for each target path that the volume may have at once."""
        kind = messages().VolumeCapability.AccessMode
        return "ab" if self.capability.access_mode.mode == kind.SINGLE_NODE_MULTI_WRITER else "a"

    def use(self, target: Path) -> InUse:
        """The volume as the harness's requests want it."""
        return InUse(self.volume, self.capability, self.staging, target, self.context or {})

    def born(self, volume: Any, source: Life | None = None) -> None:
        """The driver made it; a copy holds what its source held."""
        self.volume, self.staged, self.context, self.targets = volume, False, None, {}
        self.files = dict(source.files) if source else {}
        self.blocks = dict(source.blocks) if source else {}
        self.copies, self.used = 0, False
        self.has_to_grow = source is not None  # what stands on it may be as small as the source

    def ended(self) -> None:
        """The driver deleted it."""
        self.volume, self.files, self.blocks = None, {}, {}

    def remembered(self) -> Life:
        """What a snapshot of this moment holds."""
        then = copy.deepcopy(self)
        then.copies = 0
        return then

    def write(self, rng: Random, number: int) -> None:
        """Put new data at one of the targets, flushed."""
        target, place = next(iter(self.targets.values())), number % 8
        if self.is_block:
            self.blocks[place] = write_block(target, rng, place * STRIDE)
        else:
            self.files.update(write_files(target, rng, f"w{number % 3}").digests)

    def require_content(self, after: str) -> None:
        """ClauseViolation unless every target shows exactly what was written."""
        for target in self.targets.values():
            if not self.is_block:
                require_files(target, Content(self.files), after)
                more = sorted(set(user_files(target)) - set(self.files))
                if more:
                    raise ClauseViolation(
                        f"after {after} the volume shows what nobody wrote to it", expected=sorted(self.files),
                        actual=more[:8],
                    )  # fmt: skip
            for place, digest in self.blocks.items() if self.is_block else ():
                if read_block(target, place * STRIDE) != digest:
                    raise ClauseViolation(
                        f"after {after} the block volume lost its data", expected=f"{digest} at MiB {place}",
                        actual="other bytes",
                    )  # fmt: skip

    def require_mounts(self, after: str) -> None:
        """ClauseViolation unless exactly the published targets are there."""
        for target in self.targets.values():
            there = target.is_block_device() if self.is_block else is_mounted(target)
            if not there:
                raise ClauseViolation(f"after {after} a published target is gone", expected=target, actual="nothing")


def kinds_of_volumes(csi: Bench) -> list[Any]:
    """Capabilities to make volumes with: for one writer, for several where the driver has that, raw where served.

    NotApplicable: the driver makes volumes of neither kind.
    """
    shared = "SINGLE_NODE_MULTI_WRITER" if "node.SINGLE_NODE_MULTI_WRITER" in csi.capabilities else "SINGLE_NODE_WRITER"
    kinds = {"mount": [mount(), mount(shared)], "block": [block()]}
    listed = [kind for name in csi.options.access_types for kind in kinds[name]]
    served = [kind for kind in listed if _is_served(csi, kind)]
    if not served:
        raise NotApplicable("the driver makes none of the volumes that the sequence is made of")
    return served


def _is_served(csi: Bench, capability: Any) -> bool:
    """Whether the driver makes such volumes: one that serves devices only, or one mode only, says so here."""
    request = csi.creation(capability)
    answer = csi.client.answer(request)
    if answer.code in ("INVALID_ARGUMENT", "FAILED_PRECONDITION"):
        return False
    csi.delete(answer.response.volume if answer.is_ok else csi.client.call(request).volume)
    return True
