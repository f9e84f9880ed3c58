"""A small system of volumes and copies that stands by while something is done to others, and a picture of all of it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any

from fixtures.subjects.csi.bench import Bench, InUse
from fixtures.subjects.csi.client import Answer
from fixtures.subjects.csi.content import Content
from fixtures.subjects.csi.groups import GROUPS, describing, grouping, make_group
from fixtures.subjects.csi.requests import block, changed, from_snapshot, from_volume, messages, mount, span
from reports.model import ClauseViolation, NotApplicable
from suites.csi.data.kinds import Kind
from suites.csi.resilience.interrupted import wait_until_settled
from suites.csi.resilience.repeated import facts, listed
from suites.csi.volumes.confirmation import validating

SNAPSHOT, CLONE = "controller.CREATE_DELETE_SNAPSHOT", "controller.CLONE_VOLUME"
ATTACH = "controller.PUBLISH_UNPUBLISH_VOLUME"
MADE_READY = {"CreateSnapshotRequest", "CreateVolumeGroupSnapshotRequest"}
ASK = "Does the driver look at the id that the call names?"


def is_only_asking(request: Any) -> bool:
    """Whether the call could not change anything, whatever is there."""
    return str(request.DESCRIPTOR.name).startswith(("ControllerGet", "Get", "Validate"))


@dataclass
class Bystanders:
    """What stands by. questions: calls that change nothing when they are sent again, by what they ask about."""

    csi: Bench
    rng: Random
    questions: dict[str, Any] = field(default_factory=dict)
    used: list[tuple[Kind, InUse, Content]] = field(default_factory=list)
    copies: list[tuple[Kind, Any, Content]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    snapshot: Any = None

    @property
    def source(self) -> InUse:
        """The file system volume that the copies are of."""
        return self.used[0][1]

    def volume(self, what: str, capability: Any, source: Any = None, size: int = 0) -> Any:
        """A new volume whose creation is one of the questions."""
        request = self.csi.creation(capability, source=source, capacity=span(size) if size else None)
        modified = "controller.MODIFY_VOLUME" in self.csi.capabilities and source is None
        if modified and self.csi.options.mutable_parameters:
            request = changed(request, mutable_parameters=self.csi.options.mutable_parameters)
        volume = _settled(self.csi, request).response.volume
        self.questions[f"the creation of {what}"] = request
        if "controller.GET_VOLUME" in self.csi.capabilities:
            asked = messages().ControllerGetVolumeRequest(volume_id=volume.volume_id)
            self.questions[f"the state of {what}"] = asked
        if request.mutable_parameters:
            asked = changed(validating(volume, [capability]), mutable_parameters=request.mutable_parameters)
            self.questions[f"the modified values of {what}"] = asked
        self.ids.append(volume.volume_id)
        return volume

    def in_use(self, what: str, kind: Kind) -> None:
        """A new volume at a target path, with data."""
        use = self.csi.bring_up(self.volume(what, kind.capability), kind.capability)
        self.used.append((kind, use, kind.write(use, self.rng, "standing")))
        if ATTACH in self.csi.capabilities:
            self.questions[f"the attachment of {what}"] = self.csi.attaching(use.volume, kind.capability)
        self.questions[f"the publish of {what}"] = self.csi.publishing(use)

    def copied(self) -> None:
        """A snapshot, a restored volume and a clone of the first volume, and a group snapshot, as far as served."""
        csi, (kind, use, content) = self.csi, self.used[0]
        size = int(use.volume.capacity_bytes) or csi.options.capacity
        if SNAPSHOT in csi.capabilities:
            request = csi.snapshotting(use.volume.volume_id)
            self.snapshot = csi.wait_until_ready(request).snapshot
            self.questions["the snapshot"] = request
            self.ids.append(self.snapshot.snapshot_id)
            restored = self.volume(
                "the restored volume", kind.capability, from_snapshot(self.snapshot.snapshot_id), size
            )
            self.copies.append((kind, restored, content))
        if CLONE in csi.capabilities:
            cloned = self.volume("the clone", kind.capability, from_volume(use.volume.volume_id), size)
            self.copies.append((kind, cloned, content))
        if GROUPS in csi.capabilities:
            self._grouped([one.volume for _, one, _ in self.used])

    def _grouped(self, volumes: list[Any]) -> None:
        request = grouping(self.csi, *volumes)
        try:
            group = make_group(self.csi, request)
        except NotApplicable:  # it takes no such volumes together
            return
        self.questions["the group snapshot"] = request
        self.questions["the description of the group snapshot"] = describing(group)
        self.ids += [member.snapshot_id for member in group.snapshots]

    def picture(self) -> dict[str, Any]:
        """What the driver answers to every question, and what it lists of it all."""
        seen: dict[str, Any] = {}
        with suppress(NotApplicable):  # first, since some of the questions put right what was wrong
            seen["the listings"] = listed(self.csi, *self.ids)
        for what, request in sorted(self.questions.items(), key=lambda item: not is_only_asking(item[1])):
            if request.DESCRIPTOR.name in MADE_READY:  # for after a kill nobody may copy it before
                seen[what] = facts(self.csi.wait_until_ready(request))
                continue
            answer = wait_until_settled(self.csi, request)
            seen[what] = facts(answer.response) if answer.is_ok else str(answer)
        return seen

    def require_unchanged(self, before: dict[str, Any], deed: str) -> None:
        """ClauseViolation unless every answer is as before, and what is in use holds its data."""
        after = self.picture()
        for what, then in before.items():
            if after.get(what) != then:
                raise ClauseViolation(
                    f"{deed} changed what the driver says about something else: {what}", expected=then,
                    actual=after.get(what), question=ASK,
                )  # fmt: skip
        for kind, use, content in self.used:
            kind.require(use, content, f"{deed}, which was about something else")

    def require_usable(self, deeds: str) -> None:
        """ClauseViolation unless what is in use takes data and every copy can be used and holds what it held."""
        for kind, use, _ in self.used:
            kind.require(use, kind.write(use, self.rng, "later"), deeds)
        for kind, volume, content in self.copies:
            use = self.csi.bring_up(volume, kind.capability)
            kind.require(use, content, f"{deeds}, which was about something else")


def _settled(csi: Bench, request: Any) -> Answer:
    """The answer to what has to be served, once nothing is pending. NotApplicable: this kind of volume is not made."""
    answer = wait_until_settled(csi, request)
    if answer.code == "INVALID_ARGUMENT" and not request.HasField("volume_content_source"):
        raise NotApplicable(f"the driver makes no such volume: {answer.details}")
    if not answer.is_ok:
        csi.client.call(request)
    return answer


def standing_by(csi: Bench, rng: Random) -> Bystanders:
    """A file system and a raw volume in use, and copies of the first, as far as the driver serves them."""
    system = Bystanders(csi, rng)
    system.in_use("the file system volume", Kind(mount()))
    with suppress(NotApplicable):
        system.in_use("the raw volume", Kind(block()))
    system.copied()
    return system
