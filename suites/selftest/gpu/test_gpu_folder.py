"""A device plugin's folder that cannot be right, or where nobody is: one clear end, and nothing made."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fixtures.lease import Lease
from fixtures.subjects.gpu.kubelet import Kubelet
from fixtures.subjects.gpu.subject import PluginSubject, Recipe
from reports.catalogue import ROOT
from reports.model import ClauseViolation


@pytest.mark.parametrize(("name", "words"), [("gone/dp", "there is no such folder"), ("file", "is no folder")])
def test_folder_that_is_not_there_is_a_usage_error_and_is_not_made(name: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    command = [sys.executable, "-m", "pytest", "suites/gpu", "-q", "-p", "no:cacheprovider"]
    command += ["--run-dir", str(tmp_path / "run"), "--device-plugin-dir", str(tmp_path / name)]
    done = subprocess.run(command, cwd=ROOT.parent, capture_output=True, text=True, check=False)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert f"--device-plugin-dir {tmp_path / name}: {words}" in done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_plugin_that_never_comes_is_waited_for_once(tmp_path: Path, lease: Lease) -> None:
    waits = []

    class Counting(PluginSubject):
        def next_registration(self, before: int, when: str):  # type: ignore[no-untyped-def]
            waits.append(when)
            return super().next_registration(before, when)

    kubelet = Kubelet(lease.folder("k"))
    kubelet.start()
    subject = Counting(kubelet, Recipe(None, 0.2), lease, tmp_path / "log")
    try:
        for _ in range(3):
            with pytest.raises(ClauseViolation, match="no registration after kubelet"):
                subject.registration()
    finally:
        subject.close()
    assert len(waits) == 1
