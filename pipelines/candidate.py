"""A candidate: the exact components of one platform release, read from TOML and checked line by line."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.configuration import Document, Table, read
from reports.model import Component, Source, to_json
from reports.redact import redact
from reports.spelling import nearest, unfilled

COMPONENTS: Mapping[str, str] = {
    "kubernetes": "control plane, kubelet and kube-proxy",
    "etcd": "the control plane's store",
    "containerd": "container runtime",
    "runc": "what containerd starts containers with",
    "cni-plugins": "network plugins of every node",
    "kube-router": "network policy engine",
    "coredns": "cluster DNS",
    "csi-driver": "storage driver",
    "csi-provisioner": "makes and deletes volumes for claims",
    "csi-attacher": "attaches volumes to nodes",
    "csi-resizer": "expands volumes of claims that grew",
    "csi-snapshotter": "takes snapshots of volumes, with the cluster's snapshot controller",
    "gpu-device-plugin": "what offers GPUs to the kubelet",
    "dra-driver": "dynamic resource allocation driver",
    "node-image": "the image of a kind cluster's nodes; without it one is made from the other components",
    "protocols": "interface definitions that the suites speak (gRPC)",
    "images": "container images made here for pods",
}
"""Every component a candidate may name, with its role in one line."""

JUDGED: Mapping[str, tuple[str, ...]] = {
    "csi": ("csi-driver",),
    "cni": ("cni-plugins",),
    "cri": ("containerd", "runc", "cni-plugins"),
    "gpu": ("gpu-device-plugin", "dra-driver"),
}
"""Which components can be at fault where a protocol clause of a suite fails. In a cluster any of them can."""

PLACEHOLDERS = ("endpoint", "state", "node_id")
"""What args may hold in braces, to be filled in where the component is started."""

FIELDS: Mapping[str, tuple[str, ...]] = {
    "go-module": ("module", "version", "sum", "packages", "stamps", "tags", "cgo", "replace", "member", "args"),
    "download": ("version", "url", "sha256", "member", "args"),
    "path": ("version", "path", "sha256", "args"),
    "image": ("version", "image", "digest", "args"),
    "builtin": ("version", "packages"),
}
"""For each kind of source, the keys that count."""

_REQUIRED = {
    "go-module": ("module", "version", "sum"),
    "download": ("url", "sha256"),
    "path": ("path",),
    "image": ("image", "digest"),
    "builtin": (),
}
_SHAPES = {
    "sum": (re.compile(r"h1:[A-Za-z0-9+/]{43}="), "h1: and 44 characters of base64, as in go.sum"),
    "sha256": (re.compile(r"[0-9a-f]{64}"), "64 lower-case hex digits, as sha256sum prints them"),
    "digest": (re.compile(r"sha256:[0-9a-f]{64}"), "sha256: and 64 lower-case hex digits"),
    "url": (
        re.compile(r"https?://[^\s/?#@]+([/?#]\S*)?"),
        "an address that starts with https:// and names no user or password (this file is kept with every run)",
    ),
}
_PIN = re.compile(r"h1:[A-Za-z0-9+/]{43}=|[0-9a-f]{64}")


@dataclass(frozen=True)
class Candidate:
    """One release to be judged. digest is over what it says, not over the file's spacing or comments."""

    name: str
    version: str
    description: str
    components: tuple[Component, ...]
    digest: str
    path: Path = Path()

    def component(self, name: str) -> Component | None:
        return next((item for item in self.components if item.name == name), None)

    def summary(self) -> dict[str, Any]:
        """What candidate.json in a run folder holds."""
        return {
            "name": f"{self.name} {self.version}".strip(),
            "digest": self.digest,
            "description": self.description,
            "components": to_json(self.components),
        }


def declared_at(path: Path, told: str) -> str:
    """The file and line of the first sum or digest in a candidate file that a text names; "" where it names none."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return ""
    found = (number for number, line in enumerate(lines, 1) if any(pin in told for pin in _PIN.findall(line)))
    return next((f"{path}:{number}" for number in found), "")


def identities(source: Source) -> frozenset[str]:
    """What a part made from this source may give as its identity; empty where the source declares none."""
    declared = {source.sum, source.digest, f"sha256:{source.sha256}" if source.sha256 else ""}
    return frozenset(declared - {""})


def load(path: Path, *, is_here: bool = False) -> Candidate:
    """Read a candidate file. Misconfigured: every mistake in it, each with file, line and field.

    is_here: its parts are to come from this machine, so that files it names have to be there. A run's own copy is read
    anywhere.
    """
    document = read(path)
    root = document.root()
    release = root.table("release")
    name = release.text("name", required=True)
    version = release.text("version")
    description = release.text("description")
    release.finish()
    components: list[Component] = []
    for table in root.tables("component", required=True):
        component = _component(table)
        if component.name and component.name in {item.name for item in components}:
            table.problem("name", f'the component "{component.name}" is already declared above. Keep one of the two.')
        components.append(component)
    root.finish()
    if is_here:
        _require_files(document, components)
    document.require_clean()
    digest = _digest(name, version, description, components)
    return Candidate(name, version, description, tuple(_absolute(item, path) for item in components), digest, path)


def narrowed(component: Component, files: Mapping[str, tuple[str, ...]]) -> Component:
    """The component with only the packages that a profile needs; whole where the profile names none."""
    wanted = files.get(component.name)
    if wanted is None:
        return component
    sources = tuple(
        dataclasses.replace(
            source,
            packages={package: file for package, file in source.packages.items() if file in wanted},
            member={inside: file for inside, file in source.member.items() if file in wanted},
        )
        for source in component.sources
    )
    return dataclasses.replace(component, sources=sources)


def _component(table: Table) -> Component:
    name = table.text("name", required=True)
    if name and name not in COMPONENTS:
        table.problem("name", f'there is no component "{name}". {nearest(name, tuple(COMPONENTS))}')
    version = table.text("version", required=True)
    sources = tuple(_source(item) for item in table.tables("source"))
    if not sources:
        table.problem("", 'has no source. Add a [[component.source]] entry with a kind, e.g. kind = "builtin".')
    table.finish()
    modules = {source.module for source in sources if source.kind == "go-module"}
    for number, source in enumerate(sources if version and len(modules) == 1 else ()):
        if source.kind == "go-module" and source.version.lstrip("v") != version.lstrip("v"):
            where = (*table.where, "source", number, "version")
            text = f"is {source.version}, but the component says it is {version}. Make the two agree."
            table.document.problem(where, text)
    return Component(name, version, sources)


def _source(table: Table) -> Source:
    kind = table.text("kind", required=True, choices=tuple(FIELDS))
    if not kind:
        table.asked.update(table.data)
        return Source(kind="")
    values: dict[str, Any] = {}
    for name in FIELDS[kind]:
        required = name in _REQUIRED[kind]
        if name in ("packages", "stamps", "replace", "member"):
            values[name] = table.mapping(name)
        elif name in ("tags", "args"):
            values[name] = table.texts(name)
            for problem in unfilled(values[name], PLACEHOLDERS) if name == "args" else ():
                table.problem(name, problem)
        elif name == "cgo":
            values[name] = table.flag(name)
        else:
            values[name] = table.text(name, required=required)
            _check_shape(table, name, values[name])
    table.finish()
    return Source(kind=kind, **values)


def _check_shape(table: Table, name: str, value: str) -> None:
    if name in _SHAPES and value and not _SHAPES[name][0].fullmatch(value):
        table.problem(name, f"{redact(value)!r:.80} cannot be right: it must be {_SHAPES[name][1]}.")


def _require_files(document: Document, components: Sequence[Component]) -> None:
    """Note every path that is not a file."""
    for number, component in enumerate(components):
        for place, source in enumerate(component.sources):
            if source.path and not (file := _resolved(source.path, document.path)).is_file():
                what = "is a folder" if file.is_dir() else "is no file" if file.exists() else "does not exist"
                text = f"{file} {what}. Name the component's file; a path is relative to this file's folder."
                document.problem(("component", number, "source", place, "path"), text)


def _resolved(path: str, candidate: Path) -> Path:
    """Paths in a candidate are relative to the candidate file."""
    return (candidate.parent / Path(path).expanduser()).resolve()


def _absolute(component: Component, path: Path) -> Component:
    sources = tuple(
        dataclasses.replace(source, path=str(_resolved(source.path, path))) if source.path else source
        for source in component.sources
    )
    return dataclasses.replace(component, sources=sources)


def _digest(name: str, version: str, description: str, components: list[Component]) -> str:
    content = {"release": [name, version, description], "components": to_json(components)}
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
