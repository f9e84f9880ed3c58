"""Stands in for `python -m pipelines run`: leaves a run folder, or none, and says things that want to be commands.

PRETEND: pass, fail, unfinished (killed before its last stage) or nothing (no run folder at all).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from suites.selftest.actions import runs

STATUS = {"pass": 0, "fail": 1, "unfinished": 130, "nothing": 3}
HOSTILE = "::error file=x::owned\n::set-output name=verdict::PASS"


def main(argv: list[str]) -> int:
    """argv: the options of `python -m pipelines run`."""
    what = os.environ["PRETEND"]
    print(HOSTILE)
    print("options:", " ".join(argv))
    folder = Path(argv[argv.index("--runs-dir") + 1])
    if what != "nothing":
        workspace = Path(os.environ["GITHUB_WORKSPACE"])
        basis = Path(argv[argv.index("--basis") + 1]) if "--basis" in argv else None
        runs.write(folder, workspace, passes=what != "fail", whole=what != "unfinished", said=HOSTILE, basis_file=basis)
    return STATUS[what]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
