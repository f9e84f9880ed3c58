"""The janitor command: what of ours has expired in a cloud, listed, and removed with --delete."""

from __future__ import annotations

import argparse

from pipelines import ground
from pipelines.given import Named, named
from reports.model import Verdict


def options(command: argparse.ArgumentParser) -> None:
    """What it accepts."""
    command.description = (
        "Looks for what carries the marks of --provider tofu or capi and has expired. Exit code 0: nothing that has "
        "expired is left; 2: something is, or the cloud does not tell."
    )
    command.add_argument(
        "cloud", choices=("aws", "google", "azure"), help="where; credentials as the cloud's own tools take them"
    )
    command.add_argument(
        "--region", type=named, action="append", default=[], metavar="NAME", help="only there (default: all regions)"
    )
    whose = command.add_mutually_exclusive_group(required=True)
    whose.add_argument("--owner", action=Named, default="", metavar="NAME", help="only what is marked as NAME's")
    whose.add_argument("--anybody", action="store_true", help="whoever's it is")
    command.add_argument("--delete", action="store_true", help="remove it (default: only list it)")


def janitor(given: argparse.Namespace) -> int:
    """List or remove. EnvironmentUnfit: no credentials, no answer."""
    swept = ground.sweep(given.cloud, given.region, given.owner, delete=given.delete)
    print("\n".join(swept.lines))
    return Verdict.INCONCLUSIVE.exit_code if swept.left else 0
