"""--shard I/N: run the I-th of N parts of the collected tests (I from 0), the same split on every machine.

Every shard's record holds the whole plan as well, so that `python -m pipelines merge` finds a lost shard, a test that
two shards ran, and shards that did not collect the same tests.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pytest

from reports.recorder import SHARD, clauses_of, suite_of

MOST = 10_000


def parse(text: str) -> tuple[int, int]:
    """(index, of) of "I/N". ValueError: it is not one of N shards, counted from 0."""
    found = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
    index, of = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 0 <= index < of <= MOST:
        raise ValueError(f"{text!r} is not I/N with I from 0 to N-1, e.g. 0/3, 1/3, 2/3 (at most {MOST} shards)")
    return index, of


def share(names: Sequence[str], index: int, of: int) -> set[str]:
    """The names of one shard: every of-th in the order of the names, so that long files are spread evenly."""
    return set(sorted(names)[index::of])


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("seatrial record").addoption(
        "--shard", default="", metavar="I/N", help="run only the I-th of N parts of the tests (I from 0); then merge"
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.option.shard:
        try:
            parse(config.option.shard)
        except ValueError as error:
            raise pytest.UsageError(f"--shard {error}") from error


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    # Last, so that marks and --clause have left out theirs: the plan is what one run without shards would do.
    if not config.option.shard:
        return
    index, of = parse(config.option.shard)
    plan = {item.nodeid: list(clauses_of(item)) for item in items if suite_of(item)}
    mine = share([item.nodeid for item in items], index, of)
    shard: dict[str, Any] = {"index": index, "of": of, "plan": plan}
    config.stash[SHARD] = shard
    # Not told as deselected: another shard runs them.
    items[:] = [item for item in items if item.nodeid in mine]
