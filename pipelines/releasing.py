"""promote, rollback and ledger: the commands that change what runs where, or check what changed it."""

from __future__ import annotations

import argparse

from pipelines import ledger
from pipelines.configuration import Misconfigured
from reports.keys import KeyFileError, load_public_key
from reports.model import Verdict


def verify_ledger(given: argparse.Namespace) -> int:
    """Check a ledger offline. INVALID: it does not hold; INCONCLUSIVE: it holds, and something lies after its end."""
    if not given.folder.is_dir():
        raise Misconfigured([f"{given.folder}: there is no such folder. A ledger is kept beside the deployments."])
    try:
        checked = ledger.verify(given.folder, [load_public_key(key) for key in given.key])
        if given.expect:
            ledger.require(checked, given.expect)
    except KeyFileError as error:
        raise Misconfigured([str(error)]) from error
    except ledger.LedgerError as error:
        print(f"INVALID: {error}")
        return Verdict.INVALID.exit_code
    if given.entries:
        for entry in checked.entries:
            print(entry.line.decode())
    known = "by a key you trust" if given.key else "by the key that it names itself (no --key was given)"
    print(f"PASS: {len(checked.entries)} entries, the head signed {known}: {checked.signed_by[0][:12]}")
    print(f"  note this elsewhere, for --expect: {len(checked.entries)}:{checked.hash}")
    if checked.beyond:
        print(f"  {checked.beyond} bytes after the last entry are no part of it: a writer was killed, or they were put")
        print("  there. The next promotion takes them away.")
        return Verdict.INCONCLUSIVE.exit_code
    return 0
