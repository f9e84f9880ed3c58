"""The roles file: every mistake in it is told at once, with file, line and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines import roles
from pipelines.cli import main
from pipelines.configuration import Misconfigured
from reports.keys import generate_key

GOOD = """# who may release
[role.release]
keys = ["alice.pub.pem", "bob.pub.pem"]
threshold = 2
[role.workflow]
identities = [{ identity = "x", issuer = "y" }]
sigstore = "trust.json"
"""
ONE = '{ identity = "x", issuer = "y" }'
MISTAKES = {
    "a role without anybody": ('keys = ["alice.pub.pem", "bob.pub.pem"]\nthreshold = 2', "", 2, "names nobody"),
    "too many wanted": ("threshold = 2", "threshold = 3", 4, "role.release.threshold: must be a number from 1 to 2"),
    "none wanted": ("threshold = 2", "threshold = 0", 4, "role.release.threshold: must be at least 1"),
    "a key file that is not there": ("bob", "bib", 3, "bib.pub.pem: cannot be read"),
    "a private key": ("bob.pub.pem", "bob.pem", 3, "this is a private key"),
    "a key that is no text": ('"bob.pub.pem"', "7", 3, "role.release.keys: item 2 must be a string"),
    "one key twice": ("bob", "alice", 3, "is there twice, under release"),
    "a misspelled field": ("threshold", "treshold", 4, 'Did you mean "threshold"?'),
    "a misspelled table": ("[role.workflow]", "[roles.workflow]", 5, 'Did you mean "role"?'),
    "a role that is no table": ("[role.workflow]\n", "[role]\nworkflow = 1\n[role.other]\n", 6, "must be a table"),
    "no issuer": (ONE, '{ identity = "x" }', 6, '"issuer" is missing'),
    "an identity that is no table": (f"[{ONE}]", '["x"]', 6, "role.workflow.identities: must be a list of tables"),
    "an empty identity": ('identity = "x"', 'identity = ""', 6, "identity: must not be empty"),
    "one identity twice": (ONE, f"{ONE}, {ONE}", 6, "is there twice, under workflow"),
    "a trust that is no file": ('"trust.json"', "1", 7, "role.workflow.sigstore: must be a string"),
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A roles file without a mistake, beside its keys."""
    for name in ("alice", "bob"):
        generate_key(tmp_path / f"{name}.pem")
    (tmp_path / "roles.toml").write_text(GOOD)
    return tmp_path / "roles.toml"


def test_roles_file_gives_each_role_its_keys_identities_and_threshold(file: Path) -> None:
    release, workflow = roles.load(file)
    assert (release.name, len(release.keys), release.threshold, release.identities) == ("release", 2, 2, ())
    assert (workflow.name, workflow.keys, workflow.threshold) == ("workflow", (), 1)
    assert [(item.identity, item.issuer, item.trust) for item in workflow.identities] == [
        ("x", "y", file.parent / "trust.json")
    ]


@pytest.mark.parametrize("case", MISTAKES)
def test_roles_file_with_a_mistake_is_refused_with_its_line_and_key(case: str, file: Path) -> None:
    old, new, line, words = MISTAKES[case]
    assert GOOD.count(old) == 1
    file.write_text(GOOD.replace(old, new))
    with pytest.raises(Misconfigured) as raised:
        roles.load(file)
    told = [problem for problem in raised.value.problems if "no role" not in problem]
    assert len(told) == 1, told
    assert told[0].startswith(f"{file}:{line}: ")
    assert words in told[0]


@pytest.mark.parametrize("text", ["", "[role]\n"])
def test_roles_file_without_a_role_is_refused(text: str, file: Path) -> None:
    file.write_text(text)
    with pytest.raises(Misconfigured, match=r"roles\.toml:1: role: names no role"):
        roles.load(file)


def test_command_tells_every_mistake_of_a_roles_file(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(GOOD.replace("bob", "bib").replace(ONE, '{ identity = "x" }'))
    (file.parent / "signoff.dsse.json").write_text("{}")
    assert main(["verify", str(file.parent / "signoff.dsse.json"), "--roles", str(file)]) == 3
    told = capsys.readouterr().err
    assert "2 things to correct" in told
    assert f"{file}:3: role.release.keys: " in told
    assert f"{file}:6: role.workflow.identities[1]: " in told
