"""A folder of this machine as a cloud, which the module `things` fills and empties; and the tofu that does it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fixtures.clusters.provider import ClusterSpec
from fixtures.clusters.tofu.provider import TofuProvider
from fixtures.clusters.tofu.supplies import OPENTOFU
from fixtures.plugin import Parts
from fixtures.toolchain import gomodule
from fixtures.toolchain.cache import Cache
from fixtures.toolchain.golang import find_go
from fixtures.toolchain.lock import committed_lock
from reports.model import Component, EnvironmentUnfit

ROOT = Path(__file__).resolve().parents[3]
MODULES = Path(__file__).with_name("tofu_modules")
_CREATE = """
import sys
from pathlib import Path
from fixtures.clusters.provider import ClusterSpec
from fixtures.clusters.tofu.provider import TofuProvider
from fixtures.plugin import read_parts
TofuProvider().create(ClusterSpec("selftest", read_parts(None), Path(sys.argv[1]), settings=Path(sys.argv[2])))
"""


def tofu() -> str:
    """The pinned OpenTofu, if it was built before; skips otherwise, since building it takes minutes."""
    binary = built(OPENTOFU)
    if binary is None:
        pytest.skip("OpenTofu is not built here: python -m fixtures.clusters.tofu")
    return str(binary)


def built(component: Component) -> Path | None:
    """The one program of a component with a committed lock, if it was built before."""
    source = component.sources[0]
    lock = committed_lock(source)
    assert lock is not None, f"there is no lock of {component.name}"
    cache = Cache()
    try:
        entry = cache.find(gomodule.build_key(source, lock, find_go(cache, lock.go, print, install=False)))
    except EnvironmentUnfit:
        return None
    return next(iter(entry.files.values())) if entry else None


@dataclass(frozen=True)
class Cloud:
    """folder: where the things are."""

    folder: Path

    @property
    def things(self) -> list[str]:
        return sorted(path.name for path in (self.folder / "things").iterdir())

    def order(self, module: Path | str = MODULES / "things", ttl: str = "2h", **values: Any) -> Path:
        """The user's file, of a module and its values."""
        given = {"cloud": str(self.folder / "things"), **values}
        lines = [f'module = "{module}"', 'owner = "The Selftest"', f'ttl = "{ttl}"', "[cost]", "ceiling = 0"]
        lines += ["[values]", *(f"{key} = {_toml(value)}" for key, value in given.items())]
        path = self.folder / "order.toml"
        path.write_text("\n".join(lines))
        return path

    def spec(self, order: Path, **more: Any) -> ClusterSpec:
        """Of the only cluster of this cloud."""
        return ClusterSpec("selftest", Parts({}, ""), self.folder / "run", settings=order, **more)

    @contextmanager
    def owner(self, order: Path) -> Iterator[subprocess.Popen[bytes]]:
        """Another process that makes the cluster."""
        argv = [sys.executable, "-c", _CREATE, str(self.folder / "run"), str(order)]
        made = subprocess.Popen(argv, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.DEVNULL)
        try:
            yield made
        finally:
            made.kill()
            made.wait()

    def work(self) -> Any:
        """The cluster as far as it came."""
        found = TofuProvider().find(self.folder / "run")
        assert found is not None
        return found


def _toml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool | int) else f'"{value}"'
