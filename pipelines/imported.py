"""What imported results ask of a verdict: of suites that the policy requires all, of others nothing but notes. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from pipelines.findings import Finding
from pipelines.policy import Policy
from reports.model import Outcome, Verdict
from reports.record import Record

MOST = 20
"""Failed cases that are named, each with a reason of its own."""


def findings(records: Sequence[Record], policy: Policy) -> Iterable[Finding]:
    """records: those of the stage that were imported."""
    yield from _told_twice(records)
    for record in records:
        yield from _cases(record, policy)
    there = {str(record.run.imported.get("suite")) for record in records}
    for suite in sorted(policy.imports - there):
        text = f"The policy {policy.name} requires the results of {suite}, and none were imported."
        remedy = f"Run {suite} and import its JUnit file: python -m pipelines import junit FILE --suite {suite} ..."
        yield Finding.of(Verdict.INCONCLUSIVE, text, remedy)


def _told_twice(records: Sequence[Record]) -> Iterable[Finding]:
    named = Counter((str(item.run.imported.get("suite")), str(item.run.imported.get("component"))) for item in records)
    for (suite, component), number in sorted(named.items()):
        if number > 1:
            text = f"The results of {suite} were imported {number} times{f' for {component}' if component else ''}."
            yield Finding.of(Verdict.INVALID, text, "Keep one of the records; two runs of a suite are two runs.")


def _attempts(suite: str, attempts: object, retries: int, required: bool) -> Iterable[Finding]:
    """A suite that runs failed cases again does not say which of them, so no budget of flakes can be kept."""
    if isinstance(attempts, int) and attempts > 1:
        allowed = attempts <= 1 + retries
        text = (
            f"{suite} ran a case that failed up to {attempts} times, and its file does not tell which: a pass may hide "
            f"a failure. The policy allows {retries} retries."
        )
        verdict = Verdict.INCONCLUSIVE if required and not allowed else Verdict.PASS
        yield Finding.of(verdict, text, f"Run {suite} without flake attempts and import that.")


def _cases(record: Record, policy: Policy) -> Iterable[Finding]:
    about = record.run.imported
    required = str(about.get("suite")) in policy.imports
    suite, cases, expected = str(about.get("suite")), about.get("cases"), about.get("expected")
    unknown, wrong = (Verdict.INCONCLUSIVE, Verdict.FAIL) if required else (Verdict.PASS, Verdict.PASS)
    again = f"Run {suite} again, all of it, and import that."
    if any(result.clauses for result in record.results):
        text = f"The imported record of {suite} names clauses of our catalogue, which its suite does not judge."
        yield Finding.of(Verdict.INVALID, text, again)
    ran = len({result.test for result in record.results})
    if not isinstance(cases, int) or not isinstance(expected, int) or cases > ran:
        text = f"The imported record of {suite} holds {ran} results and says that they are of {cases} cases."
        yield Finding.of(Verdict.INVALID, text, again)
    elif cases != expected:
        lost = f"{expected - cases} lost" if cases < expected else "it is not the suite that was expected"
        yield Finding.of(unknown, f"{suite} ran {cases} cases, and {expected} were expected: {lost}.", again)
    failed = [result for result in record.results if result.outcome is Outcome.FAIL]
    if about.get("succeeded") is False and (about.get("why") or not failed):
        why = about.get("why") or "no case tells why"
        yield Finding.of(unknown, f"{suite} says of itself that it did not succeed: {why}.", again)
    yield from _attempts(suite, about.get("attempts"), policy.budgets.retries, required)
    for result in failed[:MOST]:
        text = f"{suite}: {result.test.partition('::')[2]} fails{f': {result.summary}' if result.summary else ''}"
        yield Finding.of(wrong, text, "The report has its text.")
    if len(failed) > MOST:
        text = f"{suite}: {len(failed) - MOST} more cases fail."
        yield Finding.of(wrong, text, "The report has all of them.")
    open_ = [result for result in record.results if result.outcome is Outcome.COULD_NOT_RUN]
    if open_:
        first = f"{open_[0].test.partition('::')[2]} ({open_[0].summary})"
        text = f"{suite}: {len(open_)} of {ran} cases skipped themselves, so they prove nothing; the first is {first}."
        yield Finding.of(unknown, text, "Run the suite where nothing has to be skipped.")
    if not any(result.outcome is Outcome.PASS for result in record.results):
        yield Finding.of(unknown, f"{suite}: not one case passed.", again)
