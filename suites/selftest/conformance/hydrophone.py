"""Kubernetes' own conformance tests as hydrophone runs them: both built from their modules, the image made here.

On users' machines hydrophone pulls the published image. A selftest pulls none, so its image holds what that one does,
from the module that it is built of: e2e.test, Ginkgo's program, its runner, kubectl.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fixtures.images import catalogue
from fixtures.images.archive import Contents, build_image
from fixtures.toolchain.cache import Cache
from fixtures.toolchain.golang import find_go
from fixtures.toolchain.lock import committed_lock
from fixtures.toolchain.provide import provide
from reports.model import Component, Source

VERSION = "1.37.2"
REFERENCE = f"registry.k8s.io/conformance:v{VERSION}"
POD_IMAGES = {"agnhost": "agnhost:2.66.1", "busybox": "busybox:1.37.0-2"}
"""Images of ours by the names that the tests call them."""
_E2E = "k8s.io/kubernetes/test/e2e"
_SOURCE = Source(
    "go-module", module="k8s.io/kubernetes", version=f"v{VERSION}",
    sum="h1:A2VDEiObzkYqFTKhSsn0ZEb0RlLEXpHWj93gi2HqEwE=",
    packages={
        "github.com/onsi/ginkgo/v2/ginkgo": "ginkgo",
        "k8s.io/kubernetes/test/conformance/image/go-runner": "kubeconformance",
    },
)  # fmt: skip
_STAMPS = {
    f"k8s.io/component-base/version.{name}": text
    for name, text in (("gitVersion", f"v{VERSION}"), ("gitMajor", "1"), ("gitMinor", "37"))
}
RUNNER = Component("conformance", VERSION, (_SOURCE,))
HYDROPHONE = Component(
    "hydrophone", "0.8.0",
    (
        Source(
            "go-module", module="sigs.k8s.io/hydrophone", version="v0.8.0",
            packages={"sigs.k8s.io/hydrophone": "hydrophone"},
        ),
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Programs:
    """hydrophone, and what goes into the image."""

    hydrophone: Path
    ginkgo: Path
    runner: Path
    e2e: Path


def programs(folder: Path) -> Programs:
    """Build them, e2e.test into the folder (the first time 15 minutes). CannotProvide: one cannot be built."""
    made = {part.component: part.files for part in provide([RUNNER, HYDROPHONE], Cache())}
    runner = made["conformance"]
    return Programs(
        Path(made["hydrophone"]["hydrophone"]),
        Path(runner["ginkgo"]),
        Path(runner["kubeconformance"]),
        _tests(folder),
    )


def _tests(folder: Path) -> Path:
    """e2e.test. It is a test binary, which `go build` does not make."""
    lock = committed_lock(_SOURCE)
    assert lock is not None
    wrapper = folder / "wrapper"
    wrapper.mkdir()
    for name in ("go.mod", "go.sum"):
        shutil.copyfile(lock.folder / name, wrapper / name)
    cache = Cache()
    go = find_go(cache, lock.go, print, install=True)
    link = " ".join(["-s", "-w", *(f"-X {name}={value}" for name, value in _STAMPS.items())])
    flags = ["-mod=readonly", "-trimpath", "-buildvcs=false", "-gcflags=all=-dwarf=false", "-ldflags", link]
    go.run(["test", "-c", *flags, "-o", str(folder / "e2e.test"), _E2E], cwd=wrapper)
    return folder / "e2e.test"


def images(built: Programs, kubectl: Path, agnhost: Path, folder: Path) -> list[Path]:
    """The image that hydrophone starts, and those that most of its tests start."""
    files = {f"/usr/local/bin/{path.name}": path for path in (built.ginkgo, built.runner, built.e2e, kubectl)}
    contents = Contents(
        files,
        texts={"/etc/passwd": "root:x:0:0:root:/:\nnobody:x:65534:65534:nobody:/:\n", "/kubernetes/cluster/README": ""},
        folders={"/tmp": 0o1777},
        entrypoint=["/usr/local/bin/kubeconformance"],
        env={"PATH": "/usr/local/bin", "KUBECONFIG": "", "RESULTS_DIR": "/tmp/results", "HOME": "/tmp"},
    )
    busybox = catalogue.find_busybox()
    assert busybox is not None
    inputs = {"kubernetes/agnhost": agnhost, "host/busybox": busybox}
    made = [
        catalogue.make(name, f"registry.k8s.io/e2e-test-images/{reference}", inputs, folder / f"{name}.tar")
        for name, reference in POD_IMAGES.items()
    ]
    return [build_image(REFERENCE, contents, folder / "conformance.tar"), *made]


def run(program: Path, kubeconfig: Path, folder: Path, focus: str, options: Sequence[str] = ()) -> int:
    """One run; hydrophone's exit status. folder: takes junit_01.xml, e2e.log and what hydrophone said."""
    folder.mkdir()
    command = [str(program), "--kubeconfig", str(kubeconfig), "--output-dir", str(folder), "--focus", focus]
    command += ["--conformance-image", REFERENCE, "--busybox-image", catalogue.BUSYBOX, "--verbosity", "2", *options]
    with (folder / "hydrophone.log").open("w") as log:
        return subprocess.run(command, stdout=log, stderr=log, check=False, timeout=900).returncode
