"""Who may sign what: a TOML file that gives each role its public keys and how many of them must have signed.

    [role.release-manager]
    keys = ["alice.pub.pem", "bob.pub.pem"]     # relative to this file
    threshold = 1                               # how many different ones of them (default: 1)
    [role.release-workflow]                     # who signs keyless (reports/keyless.py), beside keys or without
    identities = [{ identity = "https://github.com/ORG/REPO/.github/workflows/release.yml@refs/heads/main",
                    issuer = "https://token.actions.githubusercontent.com" }]
    sigstore = "trust.json"                     # only for a private sigstore: its client trust config

A key belongs to one role: a sign-off by two roles is then one by two people who answer for different things.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipelines.configuration import Document, Table, read
from reports.keyless import Identity
from reports.keys import KeyFileError, PublicKey, load_public_key
from reports.roles import Role


def load(path: Path) -> tuple[Role, ...]:
    """Read a roles file. Misconfigured: every mistake in it, with file, line and key."""
    document = read(path)
    root = document.root()
    named = root.table("role")
    if not named.data and not document.problems:
        named.problem("", "names no role. Add a table [role.release] with keys, a list of public key files.")
    roles = tuple(_role(table) for table in _tables(named))
    root.finish()
    _require_each_once(document, roles)
    document.require_clean()
    return roles


def _tables(named: Table) -> Iterator[Table]:
    for name in named.data:
        if isinstance(named.data[name], dict):
            yield named.table(name)
        else:
            named.problem(name, f"must be a table [role.{name}] with keys, threshold, identities, sigstore.")


def _role(table: Table) -> Role:
    files, identities = table.texts("keys"), tuple(_identities(table))
    keys = tuple(key for file in files if (key := _key(table, file)))
    threshold = table.count("threshold", 1, least=1)
    most = len(files) + len(identities)
    if not table.wrong and not most:
        table.problem("", "names nobody. Give it keys, a list of public key files, or identities.")
    elif not table.wrong & {"keys", "identities", "threshold"} and threshold > most:
        table.problem("threshold", f"must be a number from 1 to {most}, those who may sign, not {threshold}.")
    table.finish()
    return Role(str(table.where[-1]), keys, threshold, identities)


def _key(table: Table, file: str) -> PublicKey | None:
    try:
        return load_public_key(table.document.path.parent / file)
    except KeyFileError as error:
        table.problem("keys", f"{error}.")
        return None


def _identities(table: Table) -> Iterator[Identity]:
    trust = table.text("sigstore")
    form = 'must be a list of tables: [{ identity = "...", issuer = "..." }]'
    given = table.data.get("identities", [])
    table.asked.add("identities")
    if not isinstance(given, list) or not all(isinstance(item, dict) for item in given):
        table.problem("identities", f"{form}.")
        return
    for item in table.tables("identities"):
        identity, issuer = item.text("identity", required=True), item.text("issuer", required=True)
        item.finish()
        table.wrong |= {"identities"} if item.wrong else set()
        yield Identity(identity, issuer, table.document.path.parent / trust if trust else None)


def _require_each_once(document: Document, roles: tuple[Role, ...]) -> None:
    """Note every key and identity that is there twice."""
    owners: dict[str, str] = {}
    for role in roles:
        signers = [("keys", f"key {key.keyid[:12]}") for key in role.keys]
        signers += [("identities", f"identity {item.identity} of {item.issuer}") for item in role.identities]
        for field, signer in signers:
            if signer in owners:
                twice = f"{owners[signer]} and {role.name}" if owners[signer] != role.name else role.name
                document.problem(
                    ("role", role.name, field), f"the {signer} is there twice, under {twice}; once is enough."
                )
            owners.setdefault(signer, role.name)
