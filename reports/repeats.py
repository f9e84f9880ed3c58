"""--repeat N: run the tests of some clauses N times, so that a comparison with the last sign-off has a sample.

Each further run is a test of its own in plan and record, called as the first with `#2`, `#3` among its parameters: it
may go to another worker or shard, it counts as one more run of its clauses, and it is no retry, since it runs whatever
the first came to.
"""

from __future__ import annotations

import pytest

from reports.attempts import MOST_REPETITIONS, base_of
from reports.recorder import clauses_of

PARAMETER = "seatrial_repetition"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("seatrial record")
    group.addoption("--repeat", type=int, default=1, metavar="N", help="run the tests of --repeat-clause N times")
    group.addoption(
        "--repeat-clause",
        action="append",
        default=[],
        metavar="ID",
        help="a clause that --repeat is about (repeatable); a test is repeated if it judges no other",
    )


def pytest_configure(config: pytest.Config) -> None:
    number, named = config.option.repeat, config.option.repeat_clause
    if not 1 <= number <= MOST_REPETITIONS:
        raise pytest.UsageError(f"--repeat {number}: from 1 to {MOST_REPETITIONS}")
    if (number > 1) != bool(named):
        raise pytest.UsageError("--repeat N and --repeat-clause ID belong together: say what is run how often")


@pytest.fixture(name=PARAMETER)
def repetition(request: pytest.FixtureRequest) -> int:
    """Which run of its test this is; the first is 1."""
    return int(request.param)


@pytest.hookimpl(trylast=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    # Last, so that the number comes after a test's own parameters. Clauses of single parameters are not known yet.
    number, about = metafunc.config.option.repeat, set(metafunc.config.option.repeat_clause)
    if number > 1 and about.issuperset(clauses_of(metafunc.definition)):
        metafunc.fixturenames.append(PARAMETER)
        names = [pytest.HIDDEN_PARAM, *(f"#{run}" for run in range(2, number + 1))]
        metafunc.parametrize(PARAMETER, range(1, number + 1), indirect=True, ids=names, scope="function")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    # First, so that marks, profiles and shards choose among the repetitions as they do among all tests.
    about = set(config.option.repeat_clause)
    items[:] = [item for item in items if _run_of(item) == 1 or about.issuperset(clauses_of(item) or {""})]
    for item in items:
        if _run_of(item) == 1 and base_of(item.nodeid) != item.nodeid:
            raise pytest.UsageError(f"{item.nodeid}: is called like a repetition. Give its parameter another id.")


def _run_of(item: pytest.Item) -> int:
    return int(item.callspec.params.get(PARAMETER, 1)) if hasattr(item, "callspec") else 1
