"""A Go module of a few lines behind a module proxy made of files: real builds, no network."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

from reports.model import Component, Source

MODULE, VERSION = "proxy.invalid/tiny", "v1.0.0"
PROGRAM = 'package main\n\nvar version = "none"\n\nfunc main() { println("tiny " + version) }\n'


def write_proxy(folder: Path, program: str = PROGRAM) -> str:
    """Fill the folder as a GOPROXY serves it. Returns its URL."""
    served = folder / MODULE / "@v"
    served.mkdir(parents=True)
    mod = f"module {MODULE}\n\ngo 1.24\n"
    (served / "list").write_text(f"{VERSION}\n")
    (served / f"{VERSION}.info").write_text(json.dumps({"Version": VERSION, "Time": "2026-01-01T00:00:00Z"}))
    (served / f"{VERSION}.mod").write_text(mod)
    with zipfile.ZipFile(served / f"{VERSION}.zip", "w") as archive:
        archive.writestr(f"{MODULE}@{VERSION}/go.mod", mod)
        archive.writestr(f"{MODULE}@{VERSION}/main.go", program)
    return folder.as_uri()


def component(declared_sum: str = "") -> Component:
    """The tiny module as a candidate declares it."""
    source = Source(
        "go-module",
        module=MODULE,
        version=VERSION,
        sum=declared_sum,
        packages={MODULE: "tiny"},
        stamps={"main.version": VERSION},
    )
    return Component("tiny", "1.0.0", (source,))
