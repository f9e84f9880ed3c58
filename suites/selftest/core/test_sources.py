"""What Seatrial calls itself where no git is: the digest of its files, and of nothing else."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from reports import recorder, sources


@pytest.fixture
def root(tmp_path: Path) -> Path:
    others = ("suites/selftest/b.py", "reports/__pycache__/c.pyc")
    for name in (*(f"{folder}/a.py" for folder in sources.FOLDERS), *others):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x = 1\n")
    return tmp_path


def test_digest_follows_every_file_that_judges_and_no_other(root: Path) -> None:
    before = sources.digest(root)
    for name in ("suites/selftest/b.py", "reports/__pycache__/c.pyc", "notes.txt"):
        (root / name).write_text("y")
        assert sources.digest(root) == before
    for name in sources.FOLDERS:
        (root / name / "a.py").write_text("x = 2\n")
        assert sources.digest(root) != before
        (root / name / "a.py").write_text("x = 1\n")
    (root / "fixtures" / "a.py").rename(root / "fixtures" / "b.py")
    assert sources.digest(root) != before


@pytest.fixture
def checkout(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of Seatrial that nobody has changed."""
    (root / "reports" / "recorder.py").write_text("")
    monkeypatch.setattr(recorder, "__file__", str(root / "reports" / "recorder.py"))
    git = ("git", "-C", str(root), "-c", "user.name=t", "-c", "user.email=t@example.invalid")
    for words in (("init", "-q"), ("add", "."), ("commit", "-q", "-m", "first")):
        subprocess.run([*git, *words], check=True)
    return root


def test_revision_tells_checkouts_of_one_commit_with_different_changes_apart(checkout: Path) -> None:
    clean = recorder.revision()
    assert len(clean) == 12
    found = []
    for text in ("x = 2\n", "x = 3\n"):
        (checkout / "suites" / "a.py").write_text(text)
        found.append(recorder.revision())
        assert found[-1] == f"{clean}+{sources.digest(checkout)}"
    assert len({clean, *found}) == 3


def test_revision_without_git_is_that_of_the_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert recorder.revision() == sources.digest(Path(recorder.__file__).resolve().parents[1])
