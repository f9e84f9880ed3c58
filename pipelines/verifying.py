"""verify: checks a sign-off offline, and says as loudly what was not checked."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

from pipelines import roles
from pipelines.configuration import Misconfigured
from reports import attest
from reports.keys import KeyFileError
from reports.model import Verdict
from reports.verification import Verification

NOT_ASKED = "who signed was NOT checked, as asked for by --no-signature"
UNKNOWN = (
    "NOT CHECKED: who signed. No --key and no --roles was given, so the signature was held against the key that the",
    "  sign-off names itself, and anybody can make such a one. Give the public key of somebody you trust: --key",
    "  alice.pub.pem (several: --threshold M, or --roles FILE). --no-signature asks for the digests alone.",
)


def verify(given: argparse.Namespace) -> int:
    """Check a sign-off: signatures, digests, waivers' days, freshness.

    The exit code is the signed verdict's; INVALID where it does not hold. A PASS of which nobody checked who signed it
    is INCONCLUSIVE, unless that was not asked for; so is one of a run that was asked for its first stages alone.
    """
    path = given.signoff / attest.SIGNOFF if given.signoff.is_dir() else given.signoff
    if not path.is_file():
        raise Misconfigured([f"{path}: there is no such file. Give a {attest.SIGNOFF} or the run folder it is in."])
    if given.no_signature and (given.key or given.roles):
        raise Misconfigured(["--no-signature asks for no signature; leave out --key and --roles, or leave it out."])
    try:
        wanted = roles.load(given.roles) if given.roles else ()
        checked = attest.verify(
            path, keys=given.key, threshold=given.threshold, roles=wanted, cleared=given.evidence_cleared
        )
    except (KeyFileError, ValueError) as error:
        raise Misconfigured([str(error)]) from error
    nobody = not given.key and not given.roles
    verdict = _verdict(checked, nobody and not given.no_signature)
    for line in _lines(path, checked, verdict, nobody, given.no_signature):
        print(line)
    return verdict.exit_code


def _verdict(checked: Verification, is_open: bool) -> Verdict:
    """is_open: who signed was to be checked, and by no key could be."""
    if not checked.ok:
        return Verdict.INVALID
    signed = Verdict(checked.verdict)
    return Verdict.INCONCLUSIVE if (is_open or checked.undecided) and signed is Verdict.PASS else signed


def _lines(path: Path, checked: Verification, verdict: Verdict, nobody: bool, not_asked: bool) -> Iterable[str]:
    if not checked.ok:
        yield f"INVALID: {path} does not hold"
    elif nobody:
        known = NOT_ASKED if not_asked else "nobody checked who signed it"
        yield f"{verdict}: {path} is intact, its verdict is {checked.verdict}, and {known}"
    else:
        yield f"{verdict}: {path} is intact and {'trusted' if checked.trusted else 'NOT trusted'}"
    if checked.ok and checked.verdict == Verdict.PASS and checked.undecided:
        text = f"  NOT PROVEN: {', '.join(checked.undecided)}."
        yield f"{text} The run was asked to end before, and PASS goes as far as that."
    for reason in checked.reasons:
        yield f"  {reason}"
    if checked.ok and nobody and not not_asked:
        yield from UNKNOWN
