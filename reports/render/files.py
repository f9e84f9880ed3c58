"""Writes a file so that a reader sees the old one or the whole new one, never a half.

OSError (such as a full disk) names the file that was to be written, and nothing that was begun stays.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

_HALF = ".half"  # nobody's but a killed writer's


def write_atomically(path: Path, data: str | bytes, mode: int = 0o644) -> Path:
    """Write beside the target, fsync, rename, fsync the folder. mode: permissions of the new file."""
    _replace({path: write_beside(path, data, mode)})
    return path


def write_all(files: Mapping[Path, str | bytes]) -> None:
    """Write files that belong together: none of them is changed before all are written."""
    beside: dict[Path, Path] = {}
    try:
        for path, data in files.items():
            beside[path] = write_beside(path, data)
    except BaseException:
        _discard(beside)
        raise
    _replace(beside)


def _replace(beside: Mapping[Path, Path]) -> None:
    try:
        for path, new in beside.items():
            new.replace(path)
    except BaseException:
        _discard(beside)
        raise
    for folder in {path.parent for path in beside}:
        sync_folder(folder)


def _discard(beside: Mapping[Path, Path]) -> None:
    for new in beside.values():
        new.unlink(missing_ok=True)


def write_beside(path: Path, data: str | bytes, mode: int = 0o644) -> Path:
    """A whole, durable file beside the target, to be renamed to it. OSError: there is none."""
    payload = data.encode("utf-8") if isinstance(data, str) else data
    try:
        handle, name = tempfile.mkstemp(_HALF, f".{path.name}.", path.parent)
        beside = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                os.fchmod(file.fileno(), mode)
                file.write(payload)
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
    except OSError as error:
        # A full disk names no file, or the one beside, which nobody knows.
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error
    return beside


def remove_halves(path: Path) -> None:
    """Remove what writers of this file left beside it when they were killed. Only where no other writer can be."""
    for beside in path.parent.glob(f".{path.name}.????????{_HALF}"):
        beside.unlink(missing_ok=True)


@contextlib.contextmanager
def folder_for_files(folder: Path) -> Iterator[None]:
    """Make a folder for what the block writes into it. Where the block fails, no empty folder stays that was not there
    before."""
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        for place in missing:
            with contextlib.suppress(OSError):
                place.rmdir()
        raise


def sync_folder(folder: Path) -> None:
    """Make the renames in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
