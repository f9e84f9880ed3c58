"""Whatever is changed, taken away or exchanged after signing is found: every file of a run and of its ledger."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipelines import ledger, roles
from pipelines.objections import Refused
from reports import attest
from reports.keys import generate_key, load_public_key, public_path
from suites.selftest.pipelines.releases import World

PLACES = 12  # bytes that are changed in each file, spread over it, its first and last among them


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Two runs of different candidates, each signed by two roles and promoted to dev, each by a ledger of its own."""
    with pytest.MonkeyPatch.context() as patch:
        root = tmp_path_factory.mktemp("world")
        patch.setenv("SEATRIAL_HOME", str(root / "home"))
        world = World(root)
        generate_key(root / "security.pem")
        lines = [f'[role.{name}]\nkeys = ["{name}.pub.pem"]\n' for name in ("release", "security")]
        (root / "roles.toml").write_text("".join(lines))
        for name in ("r1", "r2"):
            run = world.run(name, candidate=f"atlas {name}")
            fill(run, name)
            attest.sign(run, [root / "release.pem"], now=world.now)
            attest.add_signature(run / attest.SIGNOFF, root / "security.pem", now=world.now)
            world.promote(run, "dev")
            (root / "ledger").rename(root / f"ledger-{name}")
            shutil.rmtree(root / "deployments")
        yield world


def fill(run: Path, name: str) -> None:
    """What a run of a cluster leaves beside what the synthetic one has: inputs, evidence, logs."""
    for path in ("stages.toml", "policies/dev.toml", "waivers.toml", "policy.toml"):
        (run / path).parent.mkdir(exist_ok=True)
        (run / path).write_text(f"# of {name}\n")
    for path in ("log/dev.log", "dev/evidence/a/calls.jsonl", "staging/cluster/log/node1/kubelet.log"):
        (run / path).parent.mkdir(parents=True, exist_ok=True)
        (run / path).write_text(f"of {name}\n" * 50)
    (run / "staging" / "parts.json").write_text("[]" if name == "r1" else "[ ]")
    (run / "report.html").write_text(f"<p>{name}</p>")


@pytest.fixture
def world(original: World, tmp_path: Path) -> World:
    """A copy to tamper with."""
    shutil.copytree(original.root, tmp_path / "w")
    return World(tmp_path / "w")


def run_holds(world: World) -> bool:
    known = roles.load(world.root / "roles.toml")
    return attest.verify(world.root / "runs/r1" / attest.SIGNOFF, world.root / "runs/r1", now=world.now, roles=known).ok


def ledger_holds(world: World) -> bool:
    try:
        checked = ledger.check(world.root / "ledger-r1", [load_public_key(public_path(world.root / "ledger.pem"))])
    except ledger.LedgerError:
        return False
    return checked.beyond == 0


SUBJECTS: list[tuple[str, Callable[[World], bool]]] = [("runs/r1", run_holds), ("ledger-r1", ledger_holds)]


def files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != ledger.LOCK)


def spread(size: int) -> list[int]:
    return sorted({min(size - 1, round(place * (size - 1) / (PLACES - 1))) for place in range(PLACES)}) if size else []


@pytest.mark.parametrize(("name", "holds"), SUBJECTS)
def test_untouched_copy_holds(world: World, name: str, holds: Callable[[World], bool]) -> None:
    assert files_of(world.root / name)
    assert holds(world)


@pytest.mark.parametrize(("name", "holds"), SUBJECTS)
def test_byte_changed_in_any_file_is_found(world: World, name: str, holds: Callable[[World], bool]) -> None:
    missed, tried = [], 0
    for path in files_of(world.root / name):
        whole = path.read_bytes()
        for place in spread(len(whole)):
            for changed in (whole[place] ^ 1, whole[place] ^ 0x80, 0x20 if whole[place] != 0x20 else 0x09):
                path.write_bytes(whole[:place] + bytes([changed]) + whole[place + 1 :])
                tried += 1
                if holds(world):
                    missed.append(f"{path.relative_to(world.root)} at {place}: {whole[place]:#x} to {changed:#x}")
        path.write_bytes(whole)
    assert missed == []
    assert tried >= len(files_of(world.root / name)) * 3
    assert holds(world)


@pytest.mark.parametrize(("name", "holds"), SUBJECTS)
@pytest.mark.parametrize("how", ["deleted", "emptied", "cut short", "longer", "a folder"])
def test_file_taken_away_or_of_another_length_is_found(
    world: World, name: str, holds: Callable[[World], bool], how: str
) -> None:
    missed = []
    for path in files_of(world.root / name):
        whole = path.read_bytes()
        path.unlink()
        match how:
            case "emptied":
                path.write_bytes(b"")
            case "cut short":
                path.write_bytes(whole[:-1])
            case "longer":
                path.write_bytes(whole + b"\n")
            case "a folder":
                path.mkdir()
        if holds(world):
            missed.append(str(path.relative_to(world.root)))
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        path.write_bytes(whole)
    assert missed == []
    assert holds(world)


@pytest.mark.parametrize(("name", "holds"), SUBJECTS)
def test_file_of_another_run_in_its_place_is_found(world: World, name: str, holds: Callable[[World], bool]) -> None:
    other = world.root / name.replace("r1", "r2")
    missed, tried = [], 0
    for path in files_of(world.root / name):
        whole, theirs = path.read_bytes(), (other / path.relative_to(world.root / name)).read_bytes()
        if whole == theirs:
            continue
        path.write_bytes(theirs)
        tried += 1
        if holds(world):
            missed.append(str(path.relative_to(world.root)))
        path.write_bytes(whole)
    assert missed == []
    assert tried >= 2
    assert holds(world)


def test_run_with_the_whole_sign_off_of_another_is_found_and_not_promoted(world: World) -> None:
    run, other = world.root / "runs/r1", world.root / "runs/r2"
    for path in (attest.SIGNOFF, "attestations", "manifest.sha256"):
        target = run / path
        shutil.rmtree(target) if target.is_dir() else target.unlink()
        shutil.copytree(other / path, target) if (other / path).is_dir() else shutil.copy(other / path, target)
    assert not run_holds(world)
    with pytest.raises(Refused, match="does not hold"):
        world.promote(run, "dev")


@pytest.mark.parametrize("name", ["dev/record-late.jsonl", "decisions/canary.json", "attestations/more.dsse.json"])
def test_file_put_in_later_that_would_count_is_found(world: World, name: str) -> None:
    (world.root / "runs/r1" / name).write_text("{}")
    assert not run_holds(world)


def test_signature_of_a_role_given_for_another_s_is_found(world: World) -> None:
    lines = [
        f'[role.{name}]\nkeys = ["{key}.pub.pem"]\n' for name, key in (("release", "ledger"), ("security", "security"))
    ]
    (world.root / "roles.toml").write_text("".join(lines))
    assert not run_holds(world)
