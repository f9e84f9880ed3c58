"""Runs a failed test again, as often as --retries says (a stage's policy sets it; nothing is retried by default).

Every attempt is a result line of its own and is reported to pytest as what it was: a run with a flake does not end
with status 0. Only what failed is run again: what could not run, or broke in the harness, would only hide our fault.
"""

from __future__ import annotations

from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from reports.model import Outcome
from reports.recorder import ATTEMPT, RESULT, suite_of


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("seatrial record").addoption(
        "--retries", type=int, default=0, metavar="N", help="run a failed test up to N times more; each attempt counts"
    )


@pytest.hookimpl
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    retries: int = item.config.option.retries
    if retries < 1 or not suite_of(item):
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    given = list(item.user_properties)
    for attempt in range(1, 2 + retries):
        item.stash[ATTEMPT] = attempt
        # Evidence of two attempts must not mix: fixtures/evidence.py makes a folder of its own for each.
        item.user_properties[:] = [*given, ("seatrial_attempt", attempt)]
        # The protocol itself, as pytest's own hook calls it; pytest has no public name for running a test again.
        runtestprotocol(item, nextitem=nextitem)
        result = item.stash.get(RESULT, {}).get("result", {})
        if item.session.shouldstop or item.session.shouldfail or not _is_to_be_repeated(result):
            break
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def _is_to_be_repeated(result: dict[str, Any]) -> bool:
    return result.get("outcome") == Outcome.FAIL and not result.get("harness_error")
