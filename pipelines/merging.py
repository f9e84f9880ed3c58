"""The records of a stage's shards as one record, equal to the one that a single run would have written. Pure."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from reports.model import Outcome, to_json
from reports.record import Record, Shard

ELSEWHERE = ("kubeconfig", "cluster_state")
"""Subject options that name a place, which is another one on every machine."""

_COMMIT = "commit of Seatrial"
_SAME_CHECKOUT = (
    ". Run every shard from the same commit; + means that files there differ from it (git status tells which), so take "
    "them back, or give all machines one copy"
)


def faults(pieces: Sequence[Record]) -> list[str]:
    """Why these records are not the shards of one stage of one run; each names the record that differs."""
    found = [f"{_name(piece)}: is not a shard's: it has no plan with --shard" for piece in pieces if not _has(piece)]
    if found or not pieces:
        return found
    first = pieces[0]
    for piece in pieces[1:]:
        for (what, before), (_, now) in zip(_identity(first), _identity(piece), strict=True):
            if before != now:
                remedy = _SAME_CHECKOUT if what == _COMMIT else ""
                found.append(f"{_name(piece)}: is of another {what} than {_name(first)}{_told(before, now)}{remedy}")
    found += [
        f"shard {index} of {first_of(pieces)} is there {number} times: {', '.join(_named(pieces, index))}"
        for index, number in sorted(Counter(shard_of(piece).index for piece in pieces).items())
        if number > 1
    ]
    return found or [*_plans(pieces), *_foreign(pieces)]


def lost(pieces: Sequence[Record]) -> list[int]:
    """The shards that left no record, in order."""
    there = {shard_of(piece).index for piece in pieces}
    return [index for index in range(first_of(pieces)) if index not in there]


def merged(
    pieces: Sequence[Record],
    heads: Sequence[Sequence[Mapping[str, Any]]],
    labels: Sequence[str],
    earlier: Mapping[str, Record] = MappingProxyType({}),
) -> list[dict[str, Any]]:
    """The lines of the merged record. heads: each record's own lines, as they are in its file; labels: the folder of
    its evidence; both in the order of pieces. earlier: attempts that were cut off, by label.

    What an earlier attempt passed was run again and does not count twice; what it failed is an attempt at its test.
    Without an end of every shard there is no end.
    """
    plan = shard_of(pieces[0]).plan
    place = {test: number for number, test in enumerate(plan)}
    header = dict(heads[0][0])
    header["command"] = without_shard([str(word) for word in header.get("command", ())])
    carried = [record for record in earlier.values() if any(item.outcome is Outcome.FAIL for item in record.results)]
    header["started"] = min(piece.run.started for piece in (*pieces, *carried))
    planned = next(dict(line) for line in heads[0] if line["kind"] == "planned")
    del planned["shard"]
    planned["tests"] = {test: list(ids) for test, ids in plan.items()}
    planned["suites"] = sorted({str(name) for head in heads for line in head for name in _suites(line)})
    failed = [
        _moved(result, label)
        for label, record in earlier.items()
        for result in record.results
        if result.outcome is Outcome.FAIL
    ]
    results = [_moved(result, label) for piece, label in zip(pieces, labels, strict=True) for result in piece.results]
    results = sorted(_numbered(failed, results), key=lambda line: (place[line["test"]], line["attempt"]))
    parts = [dict(line) for line in heads[0] if line["kind"] == "part"]
    notes = [*_notes(pieces, heads), *_cut_off(earlier, len(failed))]
    return [header, *parts, planned, *notes, *results, *_end(pieces, len(failed))]


def _numbered(failed: Sequence[dict[str, Any]], results: Sequence[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    """Attempts of each test one after the other: those that were cut off, then those of the attempt that speaks."""
    before: Counter[str] = Counter()
    for line in failed:
        before[line["test"]] += 1
        yield {**line, "attempt": before[line["test"]]}
    for line in results:
        yield {**line, "attempt": line["attempt"] + before[line["test"]]}


def _cut_off(earlier: Mapping[str, Record], failures: int) -> Iterable[dict[str, Any]]:
    """One line on what became of the results of attempts that do not speak."""
    for label, record in earlier.items():
        text = f"{label} does not speak for its shard, another attempt does: {len(record.results)} results of it are "
        yield {"kind": "note", "text": f"{text}not counted, but for failures ({failures} of all such attempts)"}


def shard_of(piece: Record) -> Shard:
    """Which shard a record is. ValueError: it is none."""
    if piece.planned is None or piece.planned.shard is None:
        raise ValueError(f"{piece.path}: is not a shard's")
    return piece.planned.shard


def first_of(pieces: Sequence[Record]) -> int:
    """How many shards the run was split into."""
    return shard_of(pieces[0]).of


def without_shard(command: Sequence[str]) -> list[str]:
    """A command of one shard as the command of the whole run."""
    after = {number + 1 for number, word in enumerate(command) if word == "--shard"}
    return [
        word
        for number, word in enumerate(command)
        if number not in after and word != "--shard" and not word.startswith("--shard=")
    ]


def _has(piece: Record) -> bool:
    return piece.planned is not None and piece.planned.shard is not None


def _identity(piece: Record) -> list[tuple[str, Any]]:
    """What must be the same in all shards, in words."""
    parts = sorted((part.component, part.version, part.identity, *sorted(part.sha256.items())) for part in piece.parts)
    return [
        ("candidate", str(piece.run.environment.get("candidate", ""))),
        ("catalogue", piece.run.catalogue),
        (_COMMIT, piece.run.seatrial),
        ("stage", piece.run.stage),
        ("seed", piece.run.seed),
        ("subject", {name: value for name, value in piece.run.subjects.items() if name not in ELSEWHERE}),
        ("set of parts", parts),
        ("number of shards", shard_of(piece).of),
        ("command", [word for word in without_shard(piece.run.command) if not word.startswith("/")]),
        ("plan", list(shard_of(piece).plan.items())),
        ("set of left-out tests", piece.planned.left_out if piece.planned else {}),
    ]


def _told(before: Any, now: Any) -> str:
    """The two values where they are short enough to help."""
    if isinstance(before, (str, int)) and isinstance(now, (str, int)):
        return f" ({str(now)[:40] or 'none'}, not {str(before)[:40] or 'none'})"
    return ""


def _plans(pieces: Sequence[Record]) -> Iterable[str]:
    """Every test of the plan is planned by one shard; by none only where a shard is lost."""
    plan = shard_of(pieces[0]).plan
    planned: dict[str, list[Record]] = {}
    for piece in pieces:
        for test, clauses in (piece.planned.tests if piece.planned else {}).items():
            planned.setdefault(test, []).append(piece)
            if plan.get(test) != clauses:
                yield f"{_name(piece)}: plans {test}, which is not so in the plan of the whole run"
    for test, by in planned.items():
        if len(by) > 1:
            yield f"{test} is planned by {len(by)} shards: {', '.join(_name(piece) for piece in by)}"
    unplanned = [test for test in plan if test not in planned]
    if unplanned and not lost(pieces):
        yield f"{unplanned[0]} is planned by no shard, and none is lost ({len(unplanned)} such tests)"


def _foreign(pieces: Sequence[Record]) -> Iterable[str]:
    """A shard answers for its own tests only."""
    for piece in pieces:
        own = piece.planned.tests if piece.planned else {}
        plan = shard_of(piece).plan
        for result in piece.results:
            if result.test not in own:
                whose = "that another shard plans" if result.test in plan else "that no shard plans"
                yield f"{_name(piece)}: has a result of {result.test}, {whose}"


def _name(piece: Record) -> str:
    return "/".join(piece.path.parts[-3:])


def _named(pieces: Sequence[Record], index: int) -> list[str]:
    return [_name(piece) for piece in pieces if shard_of(piece).index == index]


def _suites(line: Mapping[str, Any]) -> Sequence[str]:
    return line.get("suites", ()) if line["kind"] == "planned" else ()


def _moved(result: Any, label: str) -> dict[str, Any]:
    line: dict[str, Any] = {"kind": "result", **to_json(result)}
    line["evidence"] = [{**item, "path": f"{label}/{item['path']}"} for item in line["evidence"]]
    return line


def _notes(pieces: Sequence[Record], heads: Sequence[Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """What the shards told, each once, and in what their machines differ from that of the first."""
    texts = [str(line["text"]) for head in heads for line in head if line["kind"] == "note"]
    first = pieces[0].run.environment
    for piece in pieces[1:]:
        for name, value in sorted(piece.run.environment.items()):
            if first.get(name) != value:
                texts.append(f"shard {shard_of(piece).index} ran elsewhere: {name} {value}, not {first.get(name)}")
    return [{"kind": "note", "text": text} for text in dict.fromkeys(texts)]


def _end(pieces: Sequence[Record], failures: int) -> list[dict[str, Any]]:
    """One end, if every shard came to its own. Its counts are those that the shards told, so that lost lines show.

    failures: those of earlier attempts.
    """
    ends = [piece.end for piece in pieces if piece.end is not None]
    if len(ends) < len(pieces):
        return []
    counts = {outcome.value: sum(end.counts.get(outcome.value, 0) for end in ends) for outcome in Outcome}
    counts[Outcome.FAIL.value] += failures
    counts = counts if all(end.counts for end in ends) else {}
    # 5: a shard without a test of its own. The others' worst is what one run would have ended with.
    statuses = ({end.exit for end in ends} | ({1} if failures else set())) - {5} or {5}
    finished = max(end.finished for end in ends)
    return [{"kind": "end", "finished": finished, "exit": max(statuses), "counts": counts}]


def differing(texts: Mapping[str, Sequence[bytes | None]]) -> list[str]:
    """Names of files that are not the same, byte for byte, in all shards."""
    return [name for name, found in texts.items() if any(a != b for a, b in itertools.pairwise(found))]
