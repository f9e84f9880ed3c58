"""Runs kept in an OCI registry come back as they were, are looked at there, and never replace one another unseen."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest

from pipelines import archive
from pipelines.cli import main
from pipelines.targets import TargetError
from pipelines.targets.registry import MANIFEST, Repository
from reports import attest, history
from reports.render.all import render_all
from suites.selftest.pipelines import registry
from suites.selftest.reports import synthetic, synthetic_facts

pytestmark = pytest.mark.timeout(1200)  # the first run on a machine builds the registries


@pytest.fixture
def repository(registry_host: str, repository_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A repository of the test's own."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    monkeypatch.setenv("SEATRIAL_HOME", str(tmp_path / "home"))
    return f"http://{registry_host}/runs/{repository_name}"


def made(place: Path, name: str, verdict: str = "PASS", started: str = "2026-11-23T20:14:07Z") -> Path:
    """A run, rendered and signed."""
    run = synthetic.write(place / name, verdict=verdict)
    data = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**data, "started": started}))
    render_all(run)
    attest.sign(run)
    return run


def files(run: Path) -> dict[str, bytes]:
    return {path.relative_to(run).as_posix(): path.read_bytes() for path in run.rglob("*") if path.is_file()}


def test_run_that_was_pushed_comes_back_byte_for_byte(repository: str, tmp_path: Path) -> None:
    run = made(tmp_path / "here", "r1")
    (run / "dev" / "link").symlink_to("/etc/hostname")
    assert main(["history", "push", str(run), "--repository", repository]) == 0
    there = tmp_path / "there"
    assert main(["history", "pull", "--repository", repository, "--runs-dir", str(there), "--evidence"]) == 0
    (run / "dev" / "link").unlink()
    assert files(there / "r1") == files(run)
    assert main(["verify", str(there / "r1"), "--no-signature"]) == 0
    assert [path.name for path in there.iterdir()] == ["r1"]


def test_run_pulled_without_evidence_verifies_where_that_is_said(repository: str, tmp_path: Path) -> None:
    run = made(tmp_path / "here", "r1")
    assert main(["history", "push", str(run), "--repository", repository]) == 0
    assert main(["history", "pull", "r1", "--repository", repository, "--runs-dir", str(tmp_path / "there")]) == 0
    pulled = tmp_path / "there" / "r1"
    assert set(files(run)) - set(files(pulled)) == set(synthetic_facts.EVIDENCE)
    assert main(["verify", str(pulled)]) == 3
    assert main(["verify", str(pulled), "--evidence-cleared", "--no-signature"]) == 0


def test_same_run_again_changes_nothing_and_other_files_are_refused(
    repository: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, place = made(tmp_path, "r1"), Repository(repository)
    push = ["history", "push", str(run), "--repository", repository]
    assert main(push) == 0
    before = place.manifest("r1")
    assert main(push) == 0
    assert "(there already)" in capsys.readouterr().out
    (run / "dev" / "more.txt").write_text("evidence that came later")
    assert main(push) == 3
    assert "--replace overwrites it" in capsys.readouterr().err
    assert place.manifest("r1") == before
    assert main([*push, "--replace"]) == 0
    assert place.manifest("r1") != before


def test_run_that_is_here_is_left_alone(repository: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = made(tmp_path, "r1")
    assert main(["history", "push", str(run), "--repository", repository]) == 0
    (run / "run.json").write_text("mine")
    assert main(["history", "pull", "--repository", repository, "--runs-dir", str(tmp_path)]) == 0
    assert "here already" in capsys.readouterr().out
    assert (run / "run.json").read_text() == "mine"


def test_index_and_comparison_are_made_from_the_registry_alone(
    repository: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = Repository(repository)
    runs = [made(tmp_path, name, verdict, f"2026-11-2{day}T20:14:07Z")
            for day, (name, verdict) in enumerate((("b", "FAIL"), ("a", "PASS")))]  # fmt: skip
    assert main(["history", "push", *map(str, runs), "--repository", repository]) == 0
    registry.push_image(place)
    place.put_manifest("not-a-run", (place.manifest(registry.push_image(place)) or (b"", ""))[0], MANIFEST)
    assert archive.names(place) == ["a", "b"]
    told = archive.summaries(place)
    assert told == [history.load(run, everything=True)[0] for run in runs]
    for run in runs:
        shutil.rmtree(run)
    assert main(["history", "index", f"oci:{repository}", "-o", str(tmp_path / "page")]) == 0
    page = (tmp_path / "page" / "index.html").read_text()
    assert page.index('class="name">a<') < page.index('class="name">b<'), "the newest first"
    assert "atlas 2026.11" in page
    capsys.readouterr()
    assert main(["history", "compare", f"oci:{repository}:a", f"oci:{repository}:b"]) == 1
    assert "WORSE cni.network-policy.denies-then-allows: pass -> fail" in capsys.readouterr().out
    assert main(["history", "compare", f"oci:{repository}:b", f"oci:{repository}:a"]) == 0


def test_registry_without_such_a_run_or_without_any_is_told(
    repository: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["history", "pull", "r9", "--repository", repository, "--runs-dir", str(tmp_path / "runs")]) == 3
    assert "keeps no run r9" in capsys.readouterr().err
    assert main(["history", "index", f"oci:{repository}", "-o", str(tmp_path)]) == 3
    assert main(["history", "compare", f"oci:{repository}", f"oci:{repository}:x"]) == 3
    assert "name the run, too" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()
    renamed = made(tmp_path, "r1").rename(tmp_path / "r2")
    assert main(["history", "push", str(renamed), "--repository", repository]) == 3
    assert "not called as the run in it (r1)" in capsys.readouterr().err


def forge(place: Repository, change: Any) -> None:
    """Put a changed manifest in the place of r1's."""
    found = place.manifest("r1")
    assert found is not None
    data = json.loads(found[0])
    change(data)
    place.put_manifest("r1", json.dumps(data).encode(), MANIFEST)


def layer(place: Repository, *items: tuple[tarfile.TarInfo, bytes]) -> dict[str, Any]:
    """A layer `record` that holds these."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as packed:
        for item, data in items:
            item.size = len(data)
            packed.addfile(item, io.BytesIO(data))
    data = gzip.compress(stream.getvalue(), mtime=0)
    described = {"mediaType": archive.LAYER_TYPE, "digest": place.put_blob(data), "size": len(data)}
    return {**described, "annotations": {archive.TITLE: archive.RECORD}}


def a_link(target: str) -> tarfile.TarInfo:
    item = tarfile.TarInfo("run.json")
    item.type, item.linkname = tarfile.SYMTYPE, target
    return item


FORGED: dict[str, Any] = {
    "a path out of the folder": (lambda p: [layer(p, (tarfile.TarInfo("../../escaped"), b"x"))], "cannot be unpacked"),
    "a link": (lambda p: [layer(p, (a_link("/etc/passwd"), b""))], "no plain file"),
    "no run": (lambda p: [layer(p, (tarfile.TarInfo("run.json"), b"{}"))], "cannot be read"),
    "no archive": (lambda p: [{**layer(p), "digest": p.put_blob(b"nothing")}], "cannot be unpacked"),
    "no layers": (lambda p: [], "not what a push writes"),
}


@pytest.mark.parametrize("case", FORGED)
def test_run_that_was_tampered_with_in_the_registry_is_refused_and_leaves_nothing(
    case: str, repository: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place, (layers, words) = Repository(repository), FORGED[case]
    assert main(["history", "push", str(made(tmp_path / "here", "r1")), "--repository", repository]) == 0
    evidence = {**layer(place), "annotations": {archive.TITLE: archive.EVIDENCE}}
    forge(place, lambda data: data.update(layers=[*layers(place), evidence]))
    assert main(["history", "pull", "--repository", repository, "--runs-dir", str(tmp_path / "x" / "there")]) == 3
    assert words in capsys.readouterr().err
    assert not [path for path in (tmp_path / "x").rglob("*") if path.is_file()]


def test_run_whose_files_are_another_runs_is_refused(repository: str, tmp_path: Path) -> None:
    place = Repository(repository)
    for name, verdict in (("r1", "FAIL"), ("r2", "PASS")):
        archive.push(made(tmp_path / "here", name, verdict), place)
    other = json.loads((place.manifest("r2") or (b"", ""))[0])
    forge(place, lambda data: data.update(layers=other["layers"]))
    with pytest.raises(TargetError, match="not what its summary says"):
        archive.pull(place, "r1", tmp_path / "there")
    forge(place, lambda data: data.update(config=other["config"]))
    with pytest.raises(TargetError, match="holds the run r2"):
        archive.summary(place, "r1")
    assert not list((tmp_path / "there").iterdir())
