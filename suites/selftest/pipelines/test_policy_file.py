"""Policy files: old ones stay valid, every key is read, every mistake is told with its line, the page is the code's."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from pipelines import policy, policy_page
from pipelines.configuration import Misconfigured
from pipelines.settings import keys
from reports.model import Level

OLD = '[policy]\nname = "old"\nrequired-levels = ["must"]\nrequired-clauses = []\nwaivers = true\nmax-age-hours = 24\n'
NEW = """[policy]
name = "new"
required-levels = ["must", "should"]
required-clauses = ["csi.a"]
required-suites = ["csi"]
informing-clauses = ["csi.b"]
informing-suites = ["gpu"]
allowed-outcomes = ["pass", "waived"]
key-tests = ["suites/cri/*up*"]
[waivers]
owners = ["node team"]
longest-days = 90
refuse-over-broad = true
[budgets]
retries = 1
flakes = 2
minutes = 1.5
[sample]
results = 100
runs = 3
[statistics]
level = 0.01
minimum-failures = 2
claim-drop-points = 25
claim-clauses = ["csi.b"]
pools = ["suite", "topic"]
pool-pity-points = 1.5
repeat = 5
repeat-clauses = ["csi.b"]
regression-blocks = false
[quarantine]
entry-failures = 2
clean-runs = 7
[[threshold]]
figure = "minutes"
direction = "lower"
limit = 20
tolerance-percent = 30
required = false
"""


def loaded(tmp_path: Path, text: str) -> policy.Policy:
    (tmp_path / "p.toml").write_text(text)
    return policy.load(tmp_path / "p.toml")


def test_policy_of_before_reads_as_it_did(tmp_path: Path) -> None:
    assert loaded(tmp_path, OLD) == policy.Policy("old")


def test_policy_with_every_table_is_read_whole(tmp_path: Path) -> None:
    found = loaded(tmp_path, NEW)
    assert found.levels == {Level.MUST, Level.SHOULD}
    assert [set(found.suites), set(found.informing), set(found.informing_suites)] == [{"csi"}, {"csi.b"}, {"gpu"}]
    assert found.allowed == {"pass", "waived"}
    assert found.key_tests == {"suites/cri/*up*"}
    assert found.waiving == policy.Waiving(frozenset({"node team"}), 90, True)
    assert found.budgets == policy.Budgets(1, 2, 1.5)
    assert found.sample == policy.Sample(100, 3)
    assert found.statistics == policy.Statistics(
        level=0.01,
        minimum_failures=2,
        claim=25,
        claimed=frozenset({"csi.b"}),
        pools=frozenset({"suite", "topic"}),
        pool_pity=1.5,
        repeat=5,
        repeated=frozenset({"csi.b"}),
        blocks=False,
    )
    assert found.quarantining == policy.Quarantining(failures=2, clean=7)
    assert found.thresholds == (policy.Threshold("minutes", "lower", 20, 30, False),)


MISTAKES = {
    "a key with a typo": ("retries = 1", "retrys = 1", 'Did you mean "retries"?'),
    "a table with a typo": ("[budgets]", "[budget]", 'Did you mean "budgets"?'),
    "an unknown level": ('"should"]', '"shoud"]', 'Did you mean "should"?'),
    "an unknown suite": ('suites = ["csi"]', 'suites = ["cis"]', 'Did you mean "csi"?'),
    "an outcome that proves nothing": ('["pass", "waived"]', '["pass", "could-not-run"]', "is not known"),
    "pass not allowed": ('["pass", "waived"]', '["waived"]', 'must hold "pass"'),
    "a clause that is both": ('["csi.b"]\ninforming', '["csi.a"]\ninforming', "Take it out of one of the two"),
    "half a retry": ("retries = 1", "retries = 1.5", "must be a whole number"),
    "a negative number": ("flakes = 2", "flakes = -2", "at least 0"),
    "a level beyond sense": ("level = 0.01", "level = 0.9", "at most 0.5"),
    "a text for a number": ("minutes = 1.5", 'minutes = "long"', "must be a number"),
    "a direction with a typo": ('"lower"', '"lowr"', 'Did you mean "lower"?'),
    "a figure without limit": ("limit = 20\ntolerance-percent = 30\n", "", "any value would do"),
    "no figure": ('figure = "minutes"\n', "", '"figure" is missing'),
    "a claim about nothing": ("claim-drop-points = 25\n", "", "claims nothing"),
    "more repetitions than there are": ("repeat = 5", "repeat = 101", "more than 100"),
    "a repetition of nothing": ("repeat = 5\n", "", "repeats nothing"),
    "a pool of unknown kind": ('"topic"]', '"topics"]', 'Did you mean "topic"?'),
    "a repetition that is none": ("repeat = 5", "repeat = 0", "must be at least 1"),
    "a claim that is no number": ("claim-drop-points = 25", "claim-drop-points = nan", "must be a number that ends"),
    "a tolerance that is no number": (
        "limit = 20\ntolerance-percent = 30",
        "tolerance-percent = nan",
        "must be a number that ends",
    ),
    "a level that is no number": ("level = 0.01", "level = nan\nkeep-level = 0.02", "must be a number that ends"),
    "rules at odds": ("level = 0.01", "level = 0.3", "keep-level at least"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_policy_with_a_mistake_names_file_line_and_remedy(case: str, tmp_path: Path) -> None:
    old, new, words = MISTAKES[case]
    assert NEW.count(old) == 1
    with pytest.raises(Misconfigured) as raised:
        loaded(tmp_path, NEW.replace(old, new))
    (problem,) = raised.value.problems
    place, line, _ = problem.split(":", 2)
    assert place == str(tmp_path / "p.toml")
    assert abs(int(line) - (1 + NEW[: NEW.index(old)].count("\n"))) <= 3
    assert words in problem


def test_figure_with_two_thresholds_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="has a threshold above"):
        loaded(tmp_path, NEW + '[[threshold]]\nfigure = "minutes"\ndirection = "lower"\nlimit = 1\n')


def test_page_of_the_policy_is_the_one_that_the_code_makes() -> None:
    assert policy_page.PAGE.read_text() == policy_page.page()


def test_page_of_the_policy_lists_every_key_of_every_table() -> None:
    page = policy_page.page()
    for _, kind in policy.TABLES:
        declared = {field for field, _, _ in keys(kind)}
        nested = {"waiving", "budgets", "sample", "statistics", "quarantining", "thresholds"}
        assert {item.name for item in dataclasses.fields(kind)} - nested == declared
        for _, key, _ in keys(kind):
            assert f"| `{key.name}` |" in page


def test_example_on_the_page_is_a_policy(tmp_path: Path) -> None:
    example = policy_page.HEAD.split("```toml\n")[1].split("```")[0]
    assert loaded(tmp_path, example).name == "staging"
