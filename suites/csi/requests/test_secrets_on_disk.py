"""Secrets are for the call that brings them: nothing of them is on the driver's disk or in a command line."""

from __future__ import annotations

import contextlib
import secrets as randomness
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.subjects.csi.bench import Bench
from reports.model import ClauseViolation, NotApplicable
from suites.csi.requests.complete import BUILDERS
from suites.csi.requests.test_secrets import CARRIERS, with_secret

LARGEST = 1 << 20  # bytes of a file that we look into; larger ones are volumes


def places(csi: Bench) -> Iterator[tuple[str, bytes]]:
    """Where a driver could write something down: (place, text)."""
    for root in filter(None, (csi.driver.state, csi.folder)):
        for path in Path(root).rglob("*"):
            with contextlib.suppress(OSError):  # gone meanwhile
                if path.is_file() and not path.is_symlink() and path.stat().st_size <= LARGEST:
                    yield str(path), path.read_bytes()
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            yield f"the command line of process {entry.name}", (entry / "cmdline").read_bytes()


@pytest.mark.clause("csi.secrets.are-not-written-down")
def test_secret_is_in_no_file_of_the_driver(csi: Bench) -> None:
    if not csi.driver.owned or csi.driver.state is None:
        raise NotApplicable("the driver was not started by us, so we do not know where it writes")
    canary = f"canary{randomness.token_hex(12)}"
    for rpc in CARRIERS:
        with contextlib.suppress(NotApplicable):
            request = BUILDERS[rpc](csi)
            if "secrets" in request.DESCRIPTOR.fields_by_name:
                csi.client.answer(with_secret(csi, request, canary))
                _require_nowhere(csi, canary, rpc)


def _require_nowhere(csi: Bench, canary: str, rpc: str) -> None:
    for place, text in places(csi):
        if canary.encode() in text:
            raise ClauseViolation(
                f"a secret of {rpc} is written down", expected="in no file and no command line", actual=place,
                question="Is the whole request kept, for a retry or for the call back?",
            )  # fmt: skip
