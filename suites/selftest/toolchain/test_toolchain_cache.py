"""The cache: whole or absent, whatever happens around it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fixtures.toolchain.cache import Cache, CorruptEntry, digest_of


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def put(cache: Cache, text: str) -> Path:
    with cache.scratch() as scratch:
        (scratch / "made").write_text(text)
        return cache.put("key", {"tool": scratch / "made"}).files["tool"]


def test_entry_after_put_is_found_under_its_name_read_only(cache: Cache) -> None:
    path = put(cache, "content")
    found = cache.find("key")
    assert found is not None
    assert found.files["tool"] == path
    assert path.name == "tool"
    assert path.parent.name == found.sha256["tool"] == digest_of(path)
    assert path.stat().st_mode & 0o777 == 0o555


def test_object_changed_in_place_is_refused_and_gone(cache: Cache) -> None:
    path = put(cache, "content")
    path.chmod(0o755)
    path.write_text("CONTENT")
    with pytest.raises(CorruptEntry, match="tool in the cache was damaged"):
        cache.find("key")
    assert cache.find("key") is None
    assert put(cache, "content").read_text() == "content"


def test_object_only_touched_is_hashed_again_and_kept(cache: Cache) -> None:
    path = put(cache, "content")
    os.utime(path, (1, 1))
    assert cache.find("key") is not None


def test_object_cut_short_is_refused(cache: Cache) -> None:
    path = put(cache, "content")
    os.truncate(path, 3)
    with pytest.raises(CorruptEntry):
        cache.find("key")


def test_name_pointing_elsewhere_is_made_again(cache: Cache) -> None:
    path = put(cache, "content")
    path.unlink()
    path.write_text("something else")
    found = cache.find("key")
    assert found is not None
    assert found.files["tool"].read_text() == "content"


def test_index_half_written_is_refused_and_gone(cache: Cache) -> None:
    put(cache, "content")
    index = cache.root / "parts" / "key.json"
    index.write_text(index.read_text()[:20])
    with pytest.raises(CorruptEntry, match="could not be read"):
        cache.find("key")
    assert cache.find("key") is None


def test_sweep_with_dead_and_living_makers_removes_only_the_dead(cache: Cache) -> None:
    dead = cache.root / "tmp" / "999999999-1-abc"
    reused = cache.root / "tmp" / f"{os.getpid()}-1-abc"
    for folder in (dead, reused):
        (folder / "deep").mkdir(parents=True)
        (folder / "deep").chmod(0o500)
    with cache.scratch() as own:
        removed = Cache(cache.root).sweep() + [name.name for name in (dead, reused) if not name.exists()]
        assert own.exists()
    assert {dead.name, reused.name} <= set(removed)


@pytest.mark.needs("root", "pid_namespaces")
def test_sweep_from_another_pid_namespace_leaves_the_living(cache: Cache) -> None:
    # A driver in namespaces of its own opens the same cache; ids of processes outside mean nothing to it.
    program = "import sys, pathlib; from fixtures.toolchain.cache import Cache; Cache(pathlib.Path(sys.argv[1]))"
    argv = ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", program, str(cache.root)]
    dead = cache.root / "tmp" / "999999999-1-abc"
    dead.mkdir()
    with cache.scratch() as own:
        subprocess.run(argv, check=True, cwd=Path(__file__).parents[3])
        assert own.exists()
    assert not dead.exists()


def test_lock_of_a_killed_holder_is_free(cache: Cache) -> None:
    program = (
        "import sys, pathlib, time; from fixtures.toolchain.cache import Cache\n"
        "with Cache(pathlib.Path(sys.argv[1])).lock('key'):\n"
        "    print('held', flush=True); time.sleep(600)\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program, str(cache.root)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    waited: list[str] = []

    def kill_holder() -> None:
        waited.append("waiting")
        holder.kill()

    assert holder.stdout is not None
    try:
        assert holder.stdout.readline() == "held\n"
        with cache.lock("key", kill_holder):
            assert waited == ["waiting"]
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
