"""A paged listing read to its end. Others may shift pages meanwhile, so a bad listing is read again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.requests import changed
from reports.model import ClauseViolation, EnvironmentUnfit

PAGES_AT_MOST = 2000
READINGS = 3  # a listing may miss or repeat a volume while somebody makes or deletes one: not three times running


def all_entries(csi: Bench, request: Any) -> list[Any]:
    """The entries of all pages. ClauseViolation: a page is too long, or the tokens go round in a circle."""
    found, tokens = [], set[str]()
    for _ in range(PAGES_AT_MOST):
        answer = csi.client.call(request)
        if request.max_entries and len(answer.entries) > request.max_entries:
            raise ClauseViolation("a page is too long", expected=request.max_entries, actual=len(answer.entries))
        found += answer.entries
        if not answer.next_token:
            return found
        if answer.next_token in tokens:
            raise ClauseViolation("the pages go round in a circle", expected="a new token", actual=answer.next_token)
        tokens.add(answer.next_token)
        request = changed(request, starting_token=answer.next_token)
    raise EnvironmentUnfit(f"the system holds more than {PAGES_AT_MOST} pages of other people's volumes")


def require_each_once(read: Callable[[], list[str]], ours: Sequence[str]) -> None:
    """ClauseViolation unless one of a few readings names each of our ids exactly once."""
    wrong: dict[str, int] = {}
    for _ in range(READINGS):
        seen = Counter(read())
        wrong = {name: seen[name] for name in ours if seen[name] != 1}
        if not wrong:
            return
    raise ClauseViolation("the pages together are no complete listing", expected="each once", actual=wrong)
