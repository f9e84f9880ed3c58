"""Runs kept in an OCI registry: pushed and pulled by name, and looked at there without pulling them.

REPOSITORY:<run>     an artifact whose config is the run's summary (history.json), with two layers: `record`, which is
                     what gates, sign-off and reports are made from, and `evidence`, which is the rest

A run is pushed once: the same files again change nothing, and other files under its name are refused.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.targets import TargetError
from pipelines.targets.registry import MANIFEST, Repository, digest_of
from reports import history
from reports.history import Summary
from reports.record import RecordError
from reports.run_folder import RunFolderError, load, moment, sha256_of

RUN_TYPE = "application/vnd.seatrial.run.v1+json"
LAYER_TYPE = "application/vnd.seatrial.run.files.v1.tar+gzip"
TITLE, FILES = "org.opencontainers.image.title", "dev.seatrial.files"
RECORD, EVIDENCE = "record", "evidence"
LARGEST = 1 << 30
"""Bytes of a layer, packed or not. A run with more evidence than that is not for a registry."""
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_FOLDERS = ("decisions", "policies", "attestations")
_STAGE_FILE = re.compile(r"record.*\.jsonl(\.sha256)?|parts\.json|incidents\.json|figures\.json")


def push(run: Path, repository: Repository, *, replace: bool = False) -> tuple[str, bool]:
    """Keep a run; its place, and whether it was there already.

    TargetError: another run, or the same with other files, has that name there (replace: it is overwritten), or the
    registry does not take it. RunFolderError, RecordError: the folder is no run that can be read.
    """
    found = load(run)
    if found.id != run.resolve().name or not _TAG.fullmatch(found.id):
        raise RunFolderError(f"{run}: the folder is not called as the run in it ({found.id})")
    layers = _files(run)
    files = _digest_of([*layers[RECORD], *layers[EVIDENCE]], run)
    place = f"{repository.name}:{found.id}"
    there = _manifest(repository, found.id)
    if there is not None:
        if there.get("annotations", {}).get(FILES) == files:
            return place, True
        if not replace:
            raise TargetError(f"{place} is there with other files; --replace overwrites it, for example after signing")
    summary = history.text_of(history.summarise(found)).encode()
    manifest: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": RUN_TYPE,
        "config": _pushed(repository, RUN_TYPE, summary),
        "layers": [
            {**_pushed(repository, LAYER_TYPE, _packed(run, names)), "annotations": {TITLE: name}}
            for name, names in layers.items()
        ],
        "annotations": {"org.opencontainers.image.created": found.started, FILES: files},
    }
    # Last: a tag never names something whose parts are not there.
    repository.put_manifest(found.id, json.dumps(manifest, separators=(",", ":")).encode(), MANIFEST)
    return place, False


def names(repository: Repository) -> list[str]:
    """The runs that are kept there, by name."""
    return [name for name, _ in _kept(repository)]


def summaries(repository: Repository) -> list[Summary]:
    """The summary of every run that is kept there, the oldest first."""
    found = [_summary(repository, name, manifest) for name, manifest in _kept(repository)]
    return sorted(found, key=lambda item: (moment(item.started), item.run))


def summary(repository: Repository, name: str) -> Summary:
    """The summary of one run. TargetError: there is none of that name, or it is broken."""
    return _summary(repository, name, _present(repository, name))


def pull(repository: Repository, name: str, runs: Path, *, evidence: bool = False) -> Path | None:
    """Bring one run into a folder of runs; None: a run of that name is there already and is left alone.

    evidence: also the files that tests kept, and logs; without them `verify` wants --evidence-cleared.
    TargetError: there is no such run, or what is there is not what its summary was made from. Nothing is left then.
    """
    target = runs / name
    if target.exists():
        return None
    manifest = _present(repository, name)
    told = _summary(repository, name, manifest)
    runs.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".pull-", dir=runs) as place:
        made = Path(place) / name
        made.mkdir()
        for layer in _layers(repository, name, manifest):
            if evidence or layer["annotations"][TITLE] == RECORD:
                _unpack(repository, layer, made)
        try:
            found = history.summarise(load(made))
        except (RunFolderError, RecordError) as error:
            raise TargetError(f"{repository.name}:{name} cannot be read: {error}") from error
        if found != told:
            raise TargetError(f"{repository.name}:{name} is not what its summary says")
        made.rename(target)
    return target


def _files(run: Path) -> dict[str, list[str]]:
    """Every plain file of a run, by layer. Links are left out: what they lead to is not the run's."""
    layers: dict[str, list[str]] = {RECORD: [], EVIDENCE: []}
    for path in sorted(run.rglob("*")):
        if path.is_file() and not path.is_symlink():
            name = path.relative_to(run)
            layers[RECORD if _is_record(name) else EVIDENCE].append(name.as_posix())
    return layers


def _is_record(name: Path) -> bool:
    folder = name.parts[0] if len(name.parts) > 1 else ""
    return not folder or folder in _FOLDERS or (len(name.parts) == 2 and bool(_STAGE_FILE.fullmatch(name.name)))


def _digest_of(files: Sequence[str], run: Path) -> str:
    """One digest over all files, which does not depend on how they are packed."""
    lines = "".join(f"{sha256_of(run / name)}  {name}\n" for name in sorted(files))
    return digest_of(lines.encode())


def _packed(run: Path, files: Sequence[str]) -> bytes:
    """Files as a tar that says nothing of this machine or its time."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name in files:
            data = (run / name).read_bytes()
            item = tarfile.TarInfo(name)
            item.size, item.mode = len(data), 0o644
            archive.addfile(item, io.BytesIO(data))
            if stream.tell() > LARGEST:
                raise TargetError(f"{run}: holds more than {LARGEST >> 30} GiB; clear evidence away before you push it")
    return gzip.compress(stream.getvalue(), compresslevel=6, mtime=0)


def _pushed(repository: Repository, media_type: str, data: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": repository.put_blob(data), "size": len(data)}


def _manifest(repository: Repository, name: str) -> dict[str, Any] | None:
    """The manifest of a run; None: nothing, or something that is no run, has that name."""
    found = repository.manifest(name) if _TAG.fullmatch(name) else None
    try:
        data = json.loads(found[0]) if found is not None else None
    except ValueError as error:
        raise TargetError(f"{repository.name}:{name}: its manifest is not JSON") from error
    return data if isinstance(data, dict) and data.get("artifactType") == RUN_TYPE else None


def _present(repository: Repository, name: str) -> dict[str, Any]:
    found = _manifest(repository, name)
    if found is None:
        raise TargetError(f"{repository.name} keeps no run {name}")
    return found


def _kept(repository: Repository) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every run that is kept there, by name, with its manifest."""
    for tag in sorted(repository.tags()):
        manifest = _manifest(repository, tag)
        if manifest is not None:
            yield tag, manifest


def _summary(repository: Repository, name: str, manifest: Mapping[str, Any]) -> Summary:
    try:
        found = history.read(repository.blob(manifest["config"]["digest"], LARGEST))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise TargetError(f"{repository.name}:{name}: its summary cannot be read: {error}") from error
    if found.run != name:
        raise TargetError(f"{repository.name}:{name} holds the run {found.run}")
    return found


def _layers(repository: Repository, name: str, manifest: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    layers = manifest.get("layers")
    try:
        titles = [layer["annotations"][TITLE] for layer in layers or ()]
        digests = [layer["digest"] for layer in layers or ()]
    except (KeyError, TypeError) as error:
        raise TargetError(f"{repository.name}:{name}: its manifest is not what a push writes: {error}") from error
    if sorted(titles) != sorted((RECORD, EVIDENCE)) or not all(str(item).startswith("sha256:") for item in digests):
        raise TargetError(f"{repository.name}:{name}: its manifest is not what a push writes")
    return list(layers or ())


def _unpack(repository: Repository, layer: Mapping[str, Any], folder: Path) -> None:
    """Plain files only, inside the folder, and no more than fits."""
    data = repository.blob(str(layer["digest"]), LARGEST)
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
            content = packed.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise TargetError(f"{repository.name}: a layer unpacks to more than {LARGEST >> 30} GiB")
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
            for item in archive:
                if not item.isfile():
                    raise TargetError(f"{repository.name}: a layer holds {item.name}, which is no plain file")
                archive.extract(item, folder, filter="data")
    except (OSError, EOFError, tarfile.TarError) as error:
        raise TargetError(f"{repository.name}: a layer cannot be unpacked: {error}") from error
