"""An image of Seatrial itself, made from the files that run it here: interpreter, locked packages, programs, sources.

Users build theirs from docs/examples/Containerfile. Here is no registry and no builder, so the same contents are taken
from where they lie, at the same paths, and become an OCI archive as the images of a local cluster do.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

from fixtures.images.archive import Contents, build_image
from fixtures.images.catalogue import find_busybox
from fixtures.toolchain.system import PACKAGES, find_program
from reports.model import EnvironmentUnfit

ROOT = Path(__file__).resolve().parents[3]
REFERENCE = "seatrial.local/seatrial:1"
HOME = "/seatrial"
CACHE = "/seatrial-cache"
SOURCES = ("conftest.py", "pyproject.toml", "suites", "fixtures", "pipelines", "reports")
LEFT_OUT = re.compile(
    r"^(test|idlelib|tkinter|ensurepip|lib2to3|turtledemo|config-.*|site-packages|selftest|__pycache__"
    r"|pip|setuptools|mypyc?|.*__mypyc\..*|grimp|ruff|zizmor|.*-stubs|fontTools|PIL|pillow\.libs|.*\.dist-info"
    r"|(numpy|scipy)(\.libs)?|.*\.a)$"
)
"""What only checks Seatrial's own sources, draws pages as PDF or compares with an earlier sign-off, to be quick."""
METADATA = re.compile(r"^(pytest|xdist|pytest_.*|hypothesis|allure_.*|kubernetes|grpcio.*)-.*\.dist-info$")


def make(target: Path, cache: Path) -> Path:
    """Write the archive. cache: a filled SEATRIAL_CACHE, so that a pod needs no network. Returns target.

    EnvironmentUnfit: this machine lacks something that the image must hold.
    """
    busybox = find_busybox()
    programs = [find_program(name) for package in PACKAGES if package.use == "run" for name in package.programs]
    if busybox is None or None in programs:
        raise EnvironmentUnfit("a static busybox or a program is missing; python -m pipelines doctor says which")
    files = {str(path): path for path in _python()}
    files |= {name: Path(name).resolve() for name in programs if name}
    files |= {name: Path(name).resolve() for name in _libraries(files.values())}
    files |= {f"{HOME}/{path.relative_to(ROOT)}": path for name in SOURCES for path in _tree(ROOT / name)}
    files |= {f"{CACHE}/{path.relative_to(cache)}": path for path in _tree(cache)}
    files["/bin/busybox"] = busybox
    links = {f"/bin/{name}": "/bin/busybox" for name in ("sh", "env", "cat", "ls", "sleep", "kill", "test")}
    links |= {path: str(files.pop(path).readlink()) for path in list(files) if files[path].is_symlink()}
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin:/usr/sbin:/sbin"
    contents = Contents(
        files,
        texts={"/etc/passwd": "root:x:0:0:root:/root:/bin/sh\n", "/etc/group": "root:x:0:\n"},
        links=links,
        folders={"/tmp": 0o1777, "/root": 0o700, "/proc": 0o755, "/sys": 0o755, "/dev": 0o755},
        command=["sh"],
        env={"PATH": path, "HOME": "/root", "SEATRIAL_CACHE": CACHE},
        workdir=HOME,
    )
    return build_image(REFERENCE, contents, target)


def _python() -> Iterator[Path]:
    """The interpreter as it is found from its virtual environment, its library, and what is installed."""
    program = Path(sys.executable)
    while program.is_symlink():
        yield program
        program = program.parent / program.readlink()
    yield Path(os.path.normpath(program))
    if sys.prefix != sys.base_prefix:
        yield Path(sys.prefix) / "pyvenv.cfg"
    for kind in ("stdlib", "platstdlib", "purelib", "platlib"):
        yield from _tree(Path(sysconfig.get_path(kind)))
    base = {"base": sys.base_prefix, "platbase": sys.base_prefix}
    yield from _tree(Path(sysconfig.get_path("stdlib", vars=base)))


def _tree(path: Path) -> Iterator[Path]:
    """The files below a path, or the file itself."""
    if not path.is_dir() or path.is_symlink():
        yield path
        return
    for entry in sorted(path.iterdir()):
        if not LEFT_OUT.match(entry.name) or METADATA.match(entry.name):
            yield from _tree(entry)


def _libraries(paths: Iterable[Path]) -> set[str]:
    """The shared libraries that programs and extension modules are linked with, as the loader finds them."""
    linked = [str(path) for path in paths if ".so" in path.suffixes or "bin" in path.parts[-2:-1]]
    said = subprocess.run(["ldd", *linked], capture_output=True, text=True, check=False).stdout
    return {os.path.normpath(path) for path in re.findall(r"(?:=>|^\s)\s*(/\S+) \(0x", said, re.MULTILINE)}
