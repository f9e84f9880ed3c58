"""What Seatrial calls itself where no git is: the digest of its files, and of nothing else."""

from __future__ import annotations

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


def test_revision_without_git_is_that_of_the_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert recorder.revision() == sources.digest(Path(recorder.__file__).resolve().parents[1])
