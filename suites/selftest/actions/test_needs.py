"""The truth table of the needs context: whole, for one and for two jobs, and everything that is not a needs context."""

from __future__ import annotations

import itertools
import json

import pytest

from pipelines.configuration import Misconfigured
from pipelines.github.needs import obstacles, read

ABSENT = "(not among the needs)"
RESULTS = ("success", "failure", "cancelled", "skipped", "", "SUCCESS", "neutral", ABSENT)


def may_go_on(required: tuple[str, ...], **results: str) -> bool:
    """What needs.py answers to a context of these results."""
    context = {name: {"result": result, "outputs": {}} for name, result in results.items() if result != ABSENT}
    return not obstacles(read(json.dumps(context)), required)


@pytest.mark.parametrize("first", RESULTS)
@pytest.mark.parametrize("second", RESULTS)
def test_gate_of_two_jobs_goes_on_only_if_both_are_a_success(first: str, second: str) -> None:
    expected = (first, second) == ("success", "success")
    assert may_go_on(("first", "second"), first=first, second=second) is expected


@pytest.mark.parametrize("result", RESULTS)
def test_job_that_is_needed_without_being_required_blocks_all_the_same(result: str) -> None:
    assert may_go_on(("named",), named="success", other=result) is (result in ("success", ABSENT))


def test_gate_that_requires_no_job_never_goes_on() -> None:
    assert not may_go_on((), any="success")
    assert not may_go_on(())


@pytest.mark.parametrize("result", RESULTS[1:])
def test_every_obstacle_names_its_job_and_says_what_to_do(result: str) -> None:
    context = {} if result == ABSENT else {"trial": {"result": result}}
    (obstacle,) = obstacles(read(json.dumps(context)), ("trial",))
    assert "trial" in obstacle.text
    assert obstacle.remedy


def test_result_that_is_missing_from_an_entry_is_no_success() -> None:
    assert obstacles(read('{"trial": {"outputs": {}}}'), ("trial",))
    assert obstacles(read('{"trial": {"result": null}}'), ("trial",))


@pytest.mark.parametrize(
    "text",
    ["", "null", "[]", '"success"', "{", '{"trial": "success"}', '{"trial": {"result": "success", "outputs": 1}}'],
)
def test_text_that_is_no_needs_context_is_refused(text: str) -> None:
    with pytest.raises(Misconfigured, match="toJSON"):
        read(text)


def test_table_is_complete_for_what_github_documents() -> None:
    documented = ("success", "failure", "cancelled", "skipped")
    passing = [pair for pair in itertools.product(documented, repeat=2) if may_go_on(("a", "b"), a=pair[0], b=pair[1])]
    assert passing == [("success", "success")]
