"""Snapshot metadata streams as streams: order, style, limits, resumption, refusals. Against data: suites/csi/data."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.content import BLOCK_BYTES, device_bytes, write_block
from fixtures.subjects.csi.metadata import (
    METADATA,
    Range,
    Stream,
    allocated,
    delta,
    read_stream,
    require_covered,
    require_one_style,
    require_order,
)
from fixtures.subjects.csi.requests import block, changed, messages
from reports.model import ClauseViolation, NotApplicable

SNAPSHOT = "controller.CREATE_DELETE_SNAPSHOT"
OFFSETS = (0, 1 << 20, 3 << 20, 5 << 20, 8 << 20)  # far apart, so that a driver has several ranges to tell
WRITTEN = [Range(offset, offset + BLOCK_BYTES) for offset in OFFSETS]
RPCS = ["GetMetadataAllocated", "GetMetadataDelta"]


def asking(csi: Bench, rng: Random, rpc: str) -> tuple[Any, int]:
    """A valid request of the RPC about OFFSETS, written after the base, and the volume's size in bytes."""
    csi.require(METADATA, SNAPSHOT)
    use = csi.bring_up(csi.create(block()), block())
    base = csi.snapshot(use.volume) if rpc == "GetMetadataDelta" else None
    for offset in OFFSETS:
        write_block(use.target, rng, offset)
    target = csi.snapshot(use.volume)
    return delta(base, target) if base is not None else allocated(target), device_bytes(use.target)


@pytest.mark.parametrize(
    "rpc", [
        pytest.param(RPCS[0], marks=pytest.mark.clause("csi.metadata-allocated.ranges-are-in-order")),
        pytest.param(RPCS[1], marks=pytest.mark.clause("csi.metadata-delta.ranges-are-in-order")),
    ],
)  # fmt: skip
@pytest.mark.parametrize("most", [0, 1, 2])
def test_ranges_of_a_stream_ascend_without_overlap(csi: Bench, rng: Random, rpc: str, most: int) -> None:
    request, _ = asking(csi, rng, rpc)
    require_order(read_stream(csi, changed(request, max_results=most)))


@pytest.mark.parametrize(
    "rpc", [
        pytest.param(RPCS[0], marks=pytest.mark.clause("csi.metadata-allocated.limit-is-obeyed")),
        pytest.param(RPCS[1], marks=pytest.mark.clause("csi.metadata-delta.limit-is-obeyed")),
    ],
)  # fmt: skip
@pytest.mark.parametrize("most", [1, 2, 100_000])
@pytest.mark.parametrize("start", [0, OFFSETS[1]])
def test_message_of_a_stream_is_not_longer_than_asked(csi: Bench, rng: Random, rpc: str, most: int, start: int) -> None:
    request, _ = asking(csi, rng, rpc)
    stream = read_stream(csi, changed(request, max_results=most, starting_offset=start))
    lengths = [len(page) for page in stream.pages]
    if max(lengths, default=0) > most:
        raise ClauseViolation(f"{rpc} sent more ranges in a message", expected=f"at most {most}", actual=lengths)
    for one in WRITTEN[OFFSETS.index(start) :]:
        require_covered(stream, one, f"in messages of {most}")


@pytest.mark.parametrize(
    "rpc", [
        pytest.param(RPCS[0], marks=pytest.mark.clause("csi.metadata-allocated.style-and-size-are-constant")),
        pytest.param(RPCS[1], marks=pytest.mark.clause("csi.metadata-delta.style-and-size-are-constant")),
    ],
)  # fmt: skip
def test_messages_of_a_stream_state_one_style_and_the_size(csi: Bench, rng: Random, rpc: str) -> None:
    request, size = asking(csi, rng, rpc)
    stream = read_stream(csi, changed(request, max_results=1))
    require_one_style(stream)
    made = next(call.response.volume for call in csi.client.calls if call.rpc == "CreateVolume")
    if set(stream.capacities) not in ({size}, {made.capacity_bytes}):  # a device may be rounded up
        raise ClauseViolation(
            f"{rpc} states another capacity", expected=f"{size} in each message", actual=stream.capacities
        )
    require_inside(stream, size)


def require_inside(stream: Stream, size: int) -> None:
    """ClauseViolation for a range beyond the end. The last block of a fixed length may stick out."""
    for found in stream.ranges:
        if found.offset >= size or (found.end > size and "VARIABLE_LENGTH" in stream.styles):
            raise ClauseViolation(f"{stream.rpc} names bytes beyond the end", expected=f"below {size}", actual=found)


@pytest.mark.parametrize(
    "rpc", [
        pytest.param(RPCS[0], marks=pytest.mark.clause("csi.metadata-allocated.resumes-where-asked")),
        pytest.param(RPCS[1], marks=pytest.mark.clause("csi.metadata-delta.resumes-where-asked")),
    ],
)  # fmt: skip
def test_stream_resumes_after_each_range_and_within(csi: Bench, rng: Random, rpc: str) -> None:
    request, size = asking(csi, rng, rpc)
    whole = read_stream(csi, request).ranges
    few = whole[:: max(1, len(whole) // 6)]
    starts = {found.end for found in few} | {(found.offset + found.end) // 2 for found in few} | {1, (1 << 20) + 1}
    for start in sorted(start for start in starts if start < size):
        stream = read_stream(csi, changed(request, starting_offset=start))
        require_order(stream)
        early = [found for found in stream.ranges if found.end <= start]
        if early:
            raise ClauseViolation(f"{rpc} from byte {start} on starts before it", expected="later", actual=early[:4])
        for one in WRITTEN:
            if one.end > start:
                require_covered(stream, Range(max(one.offset, start), one.end), f"after starting_offset {start}")


@pytest.mark.parametrize(
    "rpc", [
        pytest.param(RPCS[0], marks=pytest.mark.clause("csi.metadata-allocated.offset-outside-is-out-of-range")),
        pytest.param(RPCS[1], marks=pytest.mark.clause("csi.metadata-delta.offset-outside-is-out-of-range")),
    ],
)  # fmt: skip
@pytest.mark.parametrize("where", ["below zero", "beyond the end"])
def test_offset_outside_the_volume_is_out_of_range(csi: Bench, rng: Random, rpc: str, where: str) -> None:
    request, size = asking(csi, rng, rpc)
    read_stream(csi, request)
    wrong = changed(request, starting_offset=-4096 if where == "below zero" else size + 4096)
    csi.client.require_refusal(wrong, "OUT_OF_RANGE", because=f"starting_offset lies {where}")


@pytest.mark.parametrize(
    ("rpc", "field"), [
        pytest.param(
            RPCS[0], "snapshot_id", marks=pytest.mark.clause("csi.metadata-allocated.absent-snapshot-is-not-found")
        ),
        pytest.param(
            RPCS[1], "base_snapshot_id", marks=pytest.mark.clause("csi.metadata-delta.absent-snapshot-is-not-found")
        ),
        pytest.param(
            RPCS[1], "target_snapshot_id", marks=pytest.mark.clause("csi.metadata-delta.absent-snapshot-is-not-found")
        ),
    ],
)  # fmt: skip
def test_metadata_of_an_absent_snapshot_is_not_found(csi: Bench, rng: Random, rpc: str, field: str) -> None:
    request, _ = asking(csi, rng, rpc)
    read_stream(csi, request)
    ending = csi.client.answer(messages().DeleteSnapshotRequest(snapshot_id=getattr(request, field)))
    if not ending.is_ok:
        raise NotApplicable(f"the driver keeps a snapshot that another one needs: {ending.details}")
    csi.client.require_refusal(request, "NOT_FOUND", because=f"the snapshot of {field} is gone")


@pytest.mark.clause("csi.metadata.negative-limit-is-invalid")
@pytest.mark.parametrize("rpc", RPCS)
def test_negative_limit_of_a_stream_is_invalid(csi: Bench, rng: Random, rpc: str) -> None:
    request, _ = asking(csi, rng, rpc)
    read_stream(csi, request)
    wrong = changed(request, max_results=-1)
    csi.client.require_refusal(wrong, "INVALID_ARGUMENT", because="max_results is negative")


@pytest.mark.clause("csi.metadata-delta.other-volume-is-refused")
def test_delta_of_snapshots_of_two_volumes_is_refused(csi: Bench, rng: Random) -> None:
    request, _ = asking(csi, rng, "GetMetadataDelta")
    read_stream(csi, request)
    other = csi.snapshot(csi.create(block()))
    wrong = changed(request, target_snapshot_id=other.snapshot_id)
    codes = ("INVALID_ARGUMENT", "NOT_FOUND")  # the latter where snapshots are looked up below their volume
    csi.client.require_refusal(wrong, *codes, because="the two snapshots are of different volumes")


@pytest.mark.clause("csi.metadata-delta.older-target-is-refused")
def test_delta_to_an_older_snapshot_is_refused(csi: Bench, rng: Random) -> None:
    request, _ = asking(csi, rng, "GetMetadataDelta")
    read_stream(csi, request)
    wrong = delta_turned(request)
    csi.client.require_refusal(wrong, "INVALID_ARGUMENT", because="the target is older than the base")


def delta_turned(request: Any) -> Any:
    """The same delta from its target to its base."""
    return changed(request, base_snapshot_id=request.target_snapshot_id, target_snapshot_id=request.base_snapshot_id)
