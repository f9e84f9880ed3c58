"""promote, rollback and ledger: the commands that change what runs where, or check what changed it."""

from __future__ import annotations

import argparse
import contextlib
import getpass
import sys
from collections.abc import Iterator
from pathlib import Path

from pipelines import ledger, roles
from pipelines import promote as promotion
from pipelines.configuration import Misconfigured
from pipelines.ledger import Ledger, LedgerError
from pipelines.logbook import now as present
from pipelines.objections import Refused
from pipelines.promote import Answer, Wish
from pipelines.recorded import require_run
from pipelines.targets import kinds
from reports.keys import KeyFileError, development_key, load_public_key, load_signer
from reports.model import HarnessError, Verdict
from reports.spelling import nearest


def promote(given: argparse.Namespace) -> int:
    """Release a run's candidate to an environment; refuses, and says why, when anything speaks against it."""
    require_run(given.run)
    target = kinds.chosen(given)
    with _ledger(given) as book:
        wish = Wish(
            run=given.run,
            environment=given.to,
            by=_who(given),
            keys=given.key,
            threshold=given.threshold,
            roles=roles.load(given.roles) if given.roles else (),
            digests=given.digest,
            cleared=given.evidence_cleared,
            overwrite=given.overwrite.strip(),
            why=given.why.strip(),
        )
        try:
            answer = promotion.promote(wish, target, book)
        except Refused as error:
            print(f"not promoted: {error}", file=sys.stderr)
            return error.verdict.exit_code
    print(f"promoted to {given.to}: {answer.where} (ledger entry {answer.entry.sequence}{', again' * answer.again})")
    _tell_distrust(answer)
    _tell_overwrite(given, answer)
    return 0


def rollback(given: argparse.Namespace) -> int:
    """Put an environment back to a candidate that was promoted there before."""
    target = kinds.chosen(given)
    with _ledger(given) as book:
        try:
            answer = promotion.rollback(
                given.environment, given.to, target, book,
                by=_who(given), why=given.why, overwrite=given.overwrite.strip(),
            )  # fmt: skip
        except Refused as error:
            print(f"not rolled back: {error}", file=sys.stderr)
            return error.verdict.exit_code
    entry = answer.entry
    done = "nothing changed, it runs already in" if answer.again else "rolled back"
    print(f"{done} {given.environment}: {answer.where} (ledger entry {entry.sequence})")
    if entry.content.get("why") != given.why:
        kept = f"its reason is: {entry.content['why']}" if "why" in entry.content else "a promotion, not a rollback"
        print(f"The reason given now is not kept: this was decided before, by {entry.content['by']} ({kept}).")
    _tell_distrust(answer)
    _tell_overwrite(given, answer)
    return 0


def _tell_distrust(answer: Answer) -> None:
    """What no environment that counts would have taken."""
    if not answer.entry.content["trusted"]:
        print(
            "NOT TRUSTED: the signature under this is by nobody whom you named, and anybody can make such a one. It was"
        )
        print("  taken because --target demonstration takes everything that is intact; every other target refuses it.")
        print(
            "  Sign with a key of somebody's (sign RUN --key KEY), and name whom you trust: --key PEM or --roles FILE."
        )


def _tell_overwrite(given: argparse.Namespace, answer: Answer) -> None:
    """What became of the reason to write over a change by hand."""
    if answer.overwrote is not None:
        print(f"What was there was written over; ledger entry {answer.overwrote.sequence} keeps it, and why.")
    elif given.overwrite:
        print("Nothing there was changed by hand, so the reason to write over it is not kept.")


def _who(given: argparse.Namespace) -> str:
    """Who decides. Misconfigured: nobody says, as in a container whose user has no name."""
    try:
        return str(given.by).strip() or getpass.getuser()
    except (KeyError, OSError, ImportError) as error:
        raise Misconfigured(["--by: this machine has no name for its user. Say who decides this: --by WHO."]) from error


@contextlib.contextmanager
def _ledger(given: argparse.Namespace) -> Iterator[Ledger]:
    """The ledger, held for as long as the command needs it."""
    folder = given.ledger or given.deployments / "ledger"
    try:
        signer = load_signer(given.ledger_key) if given.ledger_key else development_key()
        trusted = [load_public_key(key) for key in given.ledger_trust]
        if not any((folder / name).exists() for name in (ledger.HEAD, ledger.ENTRIES)) and not folder.is_file():
            print(f"{folder}: there is no ledger, so one is begun there")
        with ledger.writing(folder, signer, present(), trusted) as book:
            if book.repaired:
                print(f"{folder}: took away {book.repaired} bytes that a killed writer had left", file=sys.stderr)
            yield book
    except KeyFileError as error:
        raise Misconfigured([str(error)]) from error
    except LedgerError as error:
        raise HarnessError(str(error)) from error


def _no_ledger(folder: Path) -> str:
    """What is there instead of a ledger's folder."""
    parent = folder.resolve().parent
    if folder.exists():
        return f"{folder}: is a file. Name the folder that the ledger is in ({folder.parent})."
    if not parent.is_dir():
        return f"{folder}: there is no folder {parent} either. promote makes a ledger: DEPLOYMENTS/ledger, or --ledger."
    there = [path.parent.name for path in sorted(parent.glob(f"*/{ledger.HEAD}"))]
    hint = f" {nearest(folder.name, there)}" if there else " A ledger is kept beside the deployments."
    return f"{folder}: there is no such folder.{hint}"


def verify_ledger(given: argparse.Namespace) -> int:
    """Check a ledger offline. INVALID: it does not hold; INCONCLUSIVE: it holds, and something lies after its end, or
    nobody checked who signed it."""
    if not given.folder.is_dir():
        raise Misconfigured([_no_ledger(given.folder)])
    try:
        checked = ledger.verify(given.folder, [load_public_key(key) for key in given.key])
        if given.expect is not None:
            ledger.require(checked, given.expect)
    except KeyFileError as error:
        raise Misconfigured([str(error)]) from error
    except LedgerError as error:
        print(f"INVALID: {error}")
        return Verdict.INVALID.exit_code
    if given.entries:
        for entry in checked.entries:
            print(entry.line.decode())
    verdict = Verdict.INCONCLUSIVE if checked.beyond or not given.key else Verdict.PASS
    known = "by a key you trust" if given.key else "by the key that it names itself"
    print(f"{verdict}: {len(checked.entries)} entries, the head signed {known}: {checked.signed_by[0][:12]}")
    print(f"  note this elsewhere, for --expect: {len(checked.entries)}:{checked.hash}")
    if checked.beyond:
        print(f"  {checked.beyond} bytes after the last entry are no part of it: a writer was killed, or they were put")
        print("  there. The next promotion takes them away.")
    if not given.key:
        print("  NOT CHECKED: who signed. Anybody can make a ledger that holds by its own key. Give the public key of")
        print("  whoever keeps it: --key ledger.pub.pem.")
    return verdict.exit_code
