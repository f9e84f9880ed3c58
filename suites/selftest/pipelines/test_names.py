"""Names of clauses, capabilities, tests and figures that do not exist are told before any work begins."""

from __future__ import annotations

import ast
from functools import partial
from pathlib import Path

import pytest

from pipelines import names, pipeline, policy, quarantine, waivers
from pipelines.cli import main
from pipelines.configuration import Misconfigured
from reports import catalogue

KNOWN = names.of_checkout(catalogue.load())
POLICY = """[policy]
name = "mine"
required-levels = ["must"]
required-clauses = ["csi.identity.probe-ready"]
informing-clauses = ["csi.identity.info-name"]
required-capabilities = ["controller.CLONE_VOLUME"]
key-tests = ["suites/gpu/test_selfcheck.py::*"]
[statistics]
claim-drop-points = 20
claim-clauses = ["csi.identity.info-name", "csi.*"]
pools = ["suite"]
repeat = 2
repeat-clauses = ["csi.identity.info-name"]
[[threshold]]
figure = "policy-window-ms"
direction = "lower"
limit = 1
"""
WAIVER = """[[waiver]]
id = "W1"
clause = "csi.identity.probe-ready"
component = "csi-driver"
versions = ["1"]
owner = "storage team"
reason = "known"
link = "https://example.org/1"
expires = 2030-01-01
test = "suites/csi/identity/test_profile.py::test_driver_offers[x]"
"""
MISTAKES = {
    "a required clause": ("probe-ready", "prob-redy", 4, 'policy.required-clauses: there is no clause "csi.id'),
    "an informing clause": ('informing-clauses = ["csi.identity.info-name', 'informing-clauses = ["csi.nothing', 5, ""),
    "a claimed clause": ('claim-clauses = ["csi.identity.info-name', 'claim-clauses = ["csi.x', 10, "statistics.claim"),
    "a claimed pool": ('"csi.*"', '"csl.*"', 10, 'no clause or pool "csl.*". Did you mean "csi.*"?'),
    "a pool that is not made": ('pools = ["suite"]', 'pools = ["topic"]', 10, 'no clause or pool "csi.*"'),
    "a repeated clause": (
        'repeat-clauses = ["csi.identity.info-name',
        'repeat-clauses = ["csi.x',
        13,
        "repeat-clauses",
    ),
    "a capability": ("CLONE_VOLUME", "CLONE_VOLUMES", 6, 'Did you mean "controller.CLONE_VOLUME"?'),
    "a key test": ("test_selfcheck", "test_selfchek", 7, 'no test is called "suites/gpu/test_selfchek.py::*"'),
    "a figure": ("policy-window-ms", "policy-window", 15, 'Did you mean "policy-window-ms"?'),
}


@pytest.fixture(scope="module")
def clauses() -> list[str]:
    """Two clauses of the CSI suite."""
    return sorted(name for name in KNOWN.clauses if name.startswith("csi."))[:2]


def written(path: Path, text: str, clauses: list[str]) -> Path:
    for placeholder, clause in zip(("csi.identity.probe-ready", "csi.identity.info-name"), clauses, strict=True):
        text = text.replace(f'"{placeholder}"', f'"{clause}"')
    path.write_text(text)
    return path


def test_policy_and_waiver_that_name_what_exists_are_read(tmp_path: Path, clauses: list[str]) -> None:
    assert policy.load(written(tmp_path / "p.toml", POLICY, clauses), KNOWN).clauses == {clauses[0]}
    test = sorted(KNOWN.tests or ())[0]
    text = WAIVER.replace("suites/csi/identity/test_profile.py::test_driver_offers", test)
    (waiver,) = waivers.load(written(tmp_path / "w.toml", text, clauses), KNOWN)
    assert waiver.test == f"{test}[x]"


@pytest.mark.parametrize("case", MISTAKES)
def test_policy_that_names_what_does_not_exist_is_told_with_its_line(
    case: str, tmp_path: Path, clauses: list[str]
) -> None:
    old, new, line, words = MISTAKES[case]
    path = written(tmp_path / "p.toml", POLICY.replace(old, new), clauses)
    with pytest.raises(Misconfigured) as raised:
        policy.load(path, KNOWN)
    (told,) = raised.value.problems
    assert told.startswith(f"{path}:{line}: ")
    assert words in told
    assert policy.load(path).name == "mine"  # whoever reads an old run's copy leaves that to the gate


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("suites/gpu/test_selfchek.py::*", 'Did you mean "suites/gpu/test_selfcheck.py::*"?'),
        ("test_new_volume_is_emty", 'Did you mean "suites/csi/data/test_data.py::test_new_volume_is_empty"?'),
        ("suites/csi/data/test_data.py::test_volume_empty", "suites/csi/data/test_data.py::test_new_volume_is_empty"),
        ("zz", "none is close; the nearest are suites/"),
    ],
)
def test_key_test_that_does_not_exist_is_told_with_the_nearest_few_only(
    pattern: str, words: str, tmp_path: Path, clauses: list[str]
) -> None:
    text = POLICY.replace("suites/gpu/test_selfcheck.py::*", pattern)
    with pytest.raises(Misconfigured) as raised:
        policy.load(written(tmp_path / "p.toml", text, clauses), KNOWN)
    (told,) = raised.value.problems
    hint = told.partition(f'no test is called "{pattern}". ')[2]
    assert words in hint
    assert hint.count("suites/") <= 3


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("csi.identity.probe-ready", "csi.identity.prob-redy", 'waiver[1].clause: there is no clause "csi.identity.pr'),
        ("test_profile.py", "test_profil.py", 'waiver[1].test: there is no test "suites/csi/identity/test_profil.py'),
    ],
)
def test_waiver_that_names_what_does_not_exist_is_told(
    old: str, new: str, words: str, tmp_path: Path, clauses: list[str]
) -> None:
    with pytest.raises(Misconfigured) as raised:
        waivers.load(written(tmp_path / "w.toml", WAIVER.replace(old, new), clauses), KNOWN)
    assert words in str(raised.value)


def test_run_tells_wrong_names_of_all_files_at_once_and_begins_nothing(
    tmp_path: Path, clauses: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = written(tmp_path / "p.toml", POLICY.replace("CLONE_VOLUME", "CLONES"), clauses)
    waiving = written(tmp_path / "w.toml", WAIVER.replace("csi.identity.probe-ready", "csi.no.such"), clauses)
    aside = tmp_path / "q.toml"
    aside.write_text(
        '[[quarantine]]\ntest = "suites/csi/test_nothing.py::test_it"\nowner = "a"\nreason = "b"\n'
        'link = "https://example.org"\nfailures = 1\nruns = 2\nentered = 2026-11-01\ndeadline = 2026-11-09\n'
    )
    files = ["--policy", str(wrong), "--waivers", str(waiving), "--quarantine", str(aside)]
    assert main(["run", *files, "--runs-dir", str(tmp_path / "runs")]) == 3
    told = capsys.readouterr().err
    assert f"{wrong}:6: " in told
    assert f"{waiving}:3: " in told
    assert f"{aside}:2: " in told
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("command", [["gate"], ["replay"]])
def test_another_policy_that_names_what_does_not_exist_is_told_before_a_run_is_read(
    command: list[str], tmp_path: Path, clauses: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text("{}")
    wrong = written(tmp_path / "p.toml", POLICY.replace("CLONE_VOLUME", "CLONES"), clauses)
    assert main([*command, str(tmp_path / "run"), "--policy", str(wrong)]) == 3
    assert f'{wrong}:6: policy.required-capabilities: there is no capability "controller.CLONES"' in (
        capsys.readouterr().err
    )


def test_shipped_files_name_what_exists() -> None:
    for stage in pipeline.load().stages:
        assert policy.load(stage.policy, KNOWN)
    assert waivers.load(waivers.DEFAULT, KNOWN) is not None
    assert quarantine.load(quarantine.DEFAULT, KNOWN) is not None


TEST = "suites/csi/a/test_b.py::test_c"


@pytest.mark.parametrize(
    ("pattern", "exists"),
    [
        (TEST, True),
        ("suites/csi/*::test_c", True),
        (f"{TEST}[one]", True),
        (f"{TEST}[*", True),
        ("suites/*test_c*]", True),
        (f"{TEST}*x]", True),
        (f"{TEST}x", False),
        ("suites/csi/a/*::test_d*", False),
        ("suites/csi/a/test_b.py", False),
        ("suites/csi/z*[one]", False),
    ],
)
def test_pattern_is_known_if_a_test_or_one_with_parameters_can_be_called_by_it(
    pattern: str, exists: bool, tmp_path: Path
) -> None:
    path = tmp_path / "p.toml"
    path.write_text(f'[policy]\nname = "p"\nrequired-levels = ["must"]\nkey-tests = ["{pattern}"]\n')
    read = partial(policy.load, path, names.Names(frozenset(), frozenset(), frozenset({TEST})))
    if exists:
        assert read().key_tests == {pattern}
    else:
        with pytest.raises(Misconfigured, match="no test is called"):
            read()


def test_figures_are_measured_under_names_that_the_sources_show() -> None:
    """A name that a test makes up while it runs could not be told from a misspelled one."""
    found = []
    for path in sorted(catalogue.ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())) if "selftest" not in path.parts else ():
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "measure":
                name = node.args[0]
                assert isinstance(name, ast.Constant), f"{path}:{node.lineno}"
                found.append(name.value)
    assert found
    assert set(found) <= set(KNOWN.figures or ())
