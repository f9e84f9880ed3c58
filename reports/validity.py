"""How long a sign-off may be used: what the policies in the run's folder say, which the sign-off binds."""

from __future__ import annotations

import tomllib
from pathlib import Path

from reports.run_folder import RunFolder, RunFolderError

DEFAULT_DAYS, MOST_DAYS = 14.0, 3660.0


def days(run: RunFolder) -> float:
    """The fewest days that a policy of a requested stage sets; the default where none does.

    RunFolderError: a policy cannot be read, or sets what is no such number.
    """
    files = [run.path / f"policies/{stage.name}.toml" for stage in run.stages if stage.requested]
    return min((set_ for file in files if file.is_file() and (set_ := _set(file)) is not None), default=DEFAULT_DAYS)


def _set(file: Path) -> float | None:
    try:
        head = tomllib.loads(file.read_text(encoding="utf-8")).get("policy")
    except (OSError, ValueError) as error:
        raise RunFolderError(f"{file}: cannot be read: {error}") from error
    found = head.get("sign-off-days") if isinstance(head, dict) else None
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 < found <= MOST_DAYS:
        raise RunFolderError(f"{file}: sign-off-days must be above 0 and at most {MOST_DAYS:g}, not {found!r}")
    return float(found)
