"""Which Seatrial this is where no git says so, as in an image: the digest of its own files."""

from __future__ import annotations

import hashlib
from pathlib import Path

FOLDERS = ("fixtures", "pipelines", "reports", "suites")


def digest(root: Path) -> str:
    """ "files-" and 12 hexadecimal digits: the same for the same files, wherever and whenever they were put there.

    suites/selftest does not count: it judges Seatrial, no candidate.
    """
    whole = hashlib.sha256()
    for path in sorted(path for name in FOLDERS for path in (root / name).rglob("*")):
        if path.is_file() and _counts(path.relative_to(root)):
            content = path.read_bytes()
            whole.update(f"{path.relative_to(root)}\0{len(content)}\0".encode() + content)
    return f"files-{whole.hexdigest()[:12]}"


def _counts(path: Path) -> bool:
    return "__pycache__" not in path.parts and path.parts[:2] != ("suites", "selftest")
