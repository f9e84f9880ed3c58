"""A small world to promote in: signed run folders, a ledger, a folder as target, and a clock that tests set."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipelines import deployed, ledger
from pipelines.ledger import Entry
from pipelines.promote import Answer, Wish, promote, rollback
from pipelines.targets import RELEASE, Target
from pipelines.targets.directory import Folder
from reports import attest
from reports.keys import generate_key, load_private_key, public_path
from reports.run_folder import sha256_of
from suites.selftest.reports import synthetic

START = datetime.datetime(2026, 11, 23, 21, 0, tzinfo=datetime.UTC)  # after the synthetic runs have decided


def edit(file: Path, change: Callable[[Any], None]) -> None:
    """Change a JSON file in place."""
    data = json.loads(file.read_text())
    change(data)
    file.write_text(json.dumps(data))


@dataclass
class World:
    """root: where everything is. target: where releases go, default a folder."""

    root: Path
    now: datetime.datetime = START
    target: Target = field(init=False)

    def __post_init__(self) -> None:
        self.target = Folder(self.root / "deployments")
        for name in ("release", "ledger"):
            if not (self.root / f"{name}.pem").exists():
                generate_key(self.root / f"{name}.pem")

    def run(self, name: str, verdict: str = "PASS", *, candidate: str = "", decided: int = 0, image: str = "") -> Path:
        """A signed run folder. candidate: the name of another one; decided: minutes after the others; image: the digest
        by which its first part is known."""
        folder = synthetic.write(self.root / "runs" / name, verdict=verdict)
        if image:
            known = json.loads((folder / "parts.json").read_text())[0]["identity"]
            for path in (folder / "parts.json", *folder.glob("*/record.jsonl")):
                path.write_text(path.read_text().replace(known, image))
        if candidate:
            (folder / "candidate.toml").write_text(f'name = "{candidate}"\n')
            digest = sha256_of(folder / "candidate.toml")
            edit(folder / "candidate.json", lambda data: data.update(name=candidate, digest=digest))
        time = (START - datetime.timedelta(minutes=40) + datetime.timedelta(minutes=decided)).isoformat()
        for path in (folder / "decisions").glob("*.json"):
            edit(path, lambda data: data.update(decided=time))
        attest.sign(folder, [self.root / "release.pem"], now=max(self.now, datetime.datetime.fromisoformat(time)))
        return folder

    def promote(self, run: Path, environment: str, **wishes: Any) -> Answer:
        keys = wishes.pop("keys", [public_path(self.root / "release.pem")])
        with self.writing() as book:
            return promote(Wish(run, environment, by="alice", keys=keys, **wishes), self.target, book)

    def rollback(
        self, environment: str, candidate: str, why: str = "it hung", by: str = "bob", overwrite: str = ""
    ) -> Answer:
        with self.writing() as book:
            return rollback(environment, candidate, self.target, book, by=by, why=why, overwrite=overwrite)

    def writing(self) -> Any:
        return ledger.writing(self.ledger, load_private_key(self.root / "ledger.pem"), self.now)

    def later(self, **step: float) -> None:
        self.now += datetime.timedelta(**step)

    @property
    def ledger(self) -> Path:
        """The ledger's folder."""
        return self.root / "ledger"

    @property
    def entries(self) -> Sequence[Entry]:
        return ledger.verify(self.ledger).entries if self.ledger.exists() else ()

    @property
    def kinds(self) -> list[str]:
        return [entry.kind for entry in self.entries]

    def runs_in(self, environment: str) -> str:
        """The run whose candidate the environment runs, as the ledger has it."""
        step = deployed.current(self.entries, environment)
        return str(step.content["signoff"]["run"]) if step else ""

    def deployed(self, environment: str) -> Mapping[str, Any] | None:
        text = self.target.shown(environment)[RELEASE]
        return dict(json.loads(text)) if text else None
