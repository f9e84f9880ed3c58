"""Builds from Go modules: the declared module or none, once, and nothing half-made."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fixtures.toolchain.cache import Cache
from fixtures.toolchain.errors import CannotProvide, IdentityMismatch
from fixtures.toolchain.lock import committed_lock
from fixtures.toolchain.modules import h1_of
from fixtures.toolchain.progress import Event
from fixtures.toolchain.provide import provide
from pipelines.candidate import load
from suites.selftest.toolchain import tiny_module

REPOSITORY = Path(__file__).parents[3]
CHILD = (
    "import sys, pathlib\n"
    "from fixtures.toolchain.cache import Cache\n"
    "from fixtures.toolchain.provide import provide\n"
    "from suites.selftest.toolchain import tiny_module\n"
    "say = lambda event: print(event.state, event.text, flush=True)\n"
    "for part in provide([tiny_module.component()], Cache(pathlib.Path(sys.argv[1])), say):\n"
    "    print('sha256', part.sha256['tiny'], flush=True)\n"
)


@pytest.fixture
def proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    url = tiny_module.write_proxy(tmp_path / "proxy")
    monkeypatch.setenv("GOPROXY", url)
    monkeypatch.setenv("GOSUMDB", "off")
    return url


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    """An empty cache whose Go compile cache is the user's, so that the standard library is compiled already."""
    empty = Cache(tmp_path / "cache")
    empty.build_cache.rmdir()
    empty.build_cache.symlink_to(Cache().build_cache)
    return empty


def child(cache: Cache) -> subprocess.Popen[str]:
    argv = [sys.executable, "-c", CHILD, str(cache.root)]
    return subprocess.Popen(argv, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_module_built_twice_in_two_caches_is_the_same(proxy: str, cache: Cache, tmp_path: Path) -> None:
    (first,) = provide([tiny_module.component()], cache)
    other = Cache(tmp_path / "elsewhere" / "deeper")
    other.build_cache.rmdir()
    other.build_cache.symlink_to(cache.build_cache)
    (second,) = provide([tiny_module.component(first.identity)], other)
    assert first.sha256 == second.sha256
    said = subprocess.run([first.files["tiny"]], capture_output=True, text=True, check=True)
    assert said.stderr == f"tiny {tiny_module.VERSION}\n"


def test_file_of_a_module_comes_along_as_it_is(proxy: str, cache: Cache) -> None:
    component = tiny_module.component()
    source = dataclasses.replace(component.sources[0], member={f"{tiny_module.MODULE}/main.go": "main.txt"})
    (part,) = provide([dataclasses.replace(component, sources=(source,))], cache)
    assert Path(part.files["main.txt"]).read_text() == tiny_module.PROGRAM
    absent = dataclasses.replace(source, member={f"{tiny_module.MODULE}/absent.yaml": "absent.yaml"})
    with pytest.raises(CannotProvide, match=r"has no file .*absent\.yaml"):
        list(provide([dataclasses.replace(component, sources=(absent,))], cache))


def test_module_zip_summed_here_agrees_with_go(proxy: str, cache: Cache, tmp_path: Path) -> None:
    (part,) = provide([tiny_module.component()], cache)
    archive = tmp_path / "proxy" / tiny_module.MODULE / "@v" / f"{tiny_module.VERSION}.zip"
    assert h1_of(archive) == part.identity


def test_module_with_another_sum_is_refused(proxy: str, cache: Cache) -> None:
    wrong = "h1:" + "A" * 43 + "="
    with pytest.raises(IdentityMismatch) as caught:
        list(provide([tiny_module.component(wrong)], cache))
    assert caught.value.expected == wrong
    assert caught.value.actual.startswith("h1:")
    assert "tiny" in str(caught.value)


def test_module_changed_behind_its_lock_is_refused(
    proxy: str, cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (honest,) = provide([tiny_module.component()], cache)
    url = tiny_module.write_proxy(tmp_path / "evil", tiny_module.PROGRAM.replace("tiny ", "evil "))
    monkeypatch.setenv("GOPROXY", url)
    other = Cache(tmp_path / "other")
    for lock in (cache.root / "locks").glob("generated-*"):
        (other.root / "locks" / lock.name).symlink_to(lock)
    with pytest.raises(IdentityMismatch) as caught:
        list(provide([tiny_module.component(honest.identity)], other))
    assert caught.value.expected == honest.identity
    assert caught.value.actual != honest.identity


def test_module_from_a_silent_proxy_names_what_to_set(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOPROXY", "http://127.0.0.1:9")
    with pytest.raises(CannotProvide, match="HTTPS_PROXY"):
        list(provide([tiny_module.component()], cache))


def test_two_runs_at_once_build_once(proxy: str, cache: Cache) -> None:
    runs = [child(cache), child(cache)]
    said = [run.communicate(timeout=120)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], said
    assert sum(text.count("started building") for text in said) == 1, said
    assert len({text.rsplit("sha256 ", 1)[1] for text in said}) == 1


def test_run_killed_in_its_build_leaves_nothing_that_the_next_one_uses(proxy: str, cache: Cache) -> None:
    killed = child(cache)
    work = cache.root / "tmp"
    deadline = time.monotonic() + 60
    while not list(work.glob(f"{killed.pid}-*/go/go-build*/b0*")):
        assert killed.poll() is None, killed.communicate()[0]
        assert time.monotonic() < deadline, "the build did not start"
        time.sleep(0.01)
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()
    assert list(work.iterdir()), "nothing was half-made: the kill came too late to prove anything"
    assert not list((cache.root / "objects").iterdir())
    heard: list[Event] = []
    (part,) = provide([tiny_module.component()], Cache(cache.root), heard.append)
    assert subprocess.run([part.files["tiny"]], check=False).returncode == 0
    assert [event for event in heard if "building" in event.text]
    assert not list(work.iterdir())


def test_default_candidate_has_a_committed_lock_with_its_sum_for_every_module() -> None:
    candidate = load(REPOSITORY / "pipelines" / "candidates" / "default.toml")
    for component in candidate.components:
        if component.name == "protocols":
            continue
        for source in (item for item in component.sources if item.kind == "go-module"):
            lock = committed_lock(source)
            assert lock is not None, f"{component.name} has no committed lock"
            assert lock.sum_of(source.module, source.version) == source.sum
