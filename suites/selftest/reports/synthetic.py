"""A synthetic run folder with a failing, a waived, a could-not-run and a missing case, for the report selftests.

`python -m suites.selftest.reports.synthetic FOLDER` writes it, to look at a report without a trial.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from reports.model import Clause, Decision, Layer, Level, Part, Reason, to_json
from suites.selftest.reports import synthetic_facts as facts

STARTED = "2026-11-23T20:14:07Z"
HOSTILE = "<script>document.title='owned'</script><img src=x onerror=alert(1)>"


def clauses() -> list[Clause]:
    """The catalogue of the synthetic run."""
    return [
        Clause(
            id=name,
            suite=name.partition(".")[0],
            level=Level(level),
            layer=Layer(layer),
            obligation=obligation,
            source=facts.SOURCES[name.partition(".")[0]],
            section=section,
            uncovered=uncovered,
            ask="",
        )
        for name, level, layer, section, obligation, uncovered in facts.CLAUSES
    ]


def write(folder: Path, *, verdict: str = "FAIL", hostile: bool = False) -> Path:
    """Write the run folder. verdict PASS leaves the failing test out; hostile puts markup into every text."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in _files(folder.name, verdict).items():
        _write(folder / name, json.dumps(value, indent=1))
    _write(folder / "candidate.toml", 'name = "atlas 2026.11"\n')
    _write(folder / "policy.toml", 'name = "default"\n')
    _write(folder / "waivers.toml", "")
    for stage in ("dev", "staging"):
        lines = _record(folder.name, stage, verdict, hostile)
        _write(folder / stage / "record.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    for name, text in facts.EVIDENCE.items():
        _write(folder / name, text + (HOSTILE if hostile else ""))
    return folder


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def parts() -> list[Part]:
    """The parts as provided."""
    return [
        Part(
            component=name,
            version=version,
            source=source,
            identity=identity,
            files={file: f"/var/cache/seatrial/bin/{_digest(file)}/{file}" for file in files},
            sha256={file: _digest(name + version + file) for file in files},
        )
        for name, version, source, identity, files in facts.PARTS
    ]


def _files(run: str, verdict: str) -> dict[str, Any]:
    failing = verdict != "PASS"
    components = [
        {"name": name, "version": version, "sources": [{"kind": kind, "module": "", "sum": identity}]}
        for name, version, kind, identity, _ in facts.PARTS
    ]
    files: dict[str, Any] = {
        "run.json": {**facts.RUN, "id": run, "started": STARTED},
        "candidate.json": {
            "name": "atlas 2026.11",
            "digest": _digest('name = "atlas 2026.11"\n'),
            "description": "Kubernetes 1.37 with containerd 2.4 and kube-router, for GPU nodes",
            "components": components,
        },
        "parts.json": to_json(parts()),
        "catalogue.json": {"digest": facts.CATALOGUE, "clauses": to_json(clauses())},
        "decisions/dev.json": _decision("dev", "PASS", ()),
        "decisions/staging.json": _decision("staging", verdict if failing else "PASS", _reasons(failing)),
    }
    if not failing:
        files["decisions/production.json"] = _decision("production", "PASS", ())
    return files


def _reasons(failing: bool) -> tuple[Reason, ...]:
    return tuple(Reason(*item) for item in facts.REASONS) if failing else ()


def _decision(stage: str, verdict: str, reasons: tuple[Reason, ...]) -> Any:
    used = ("W-7",) if stage in ("dev", "production") else ()
    return {**to_json(Decision(stage, facts.VERDICTS[verdict], reasons, waivers_used=used)),
            "standings": _standings(stage, verdict), "decided": "2026-11-23T20:16:58Z"}  # fmt: skip


def _standings(stage: str, verdict: str) -> list[dict[str, Any]]:
    layer = {"dev": "protocol", "staging": "cluster"}.get(stage)
    found = []
    for name, level, of_layer, _, _, uncovered in facts.CLAUSES:
        if of_layer != layer:
            continue
        standing = "uncovered" if uncovered else facts.STANDINGS.get(name, "pass")
        if verdict == "PASS" and standing in ("fail", "missing"):
            standing = "pass"
        found.append({"clause": name, "standing": standing, "required": level == "must", "tests": [_test(name)]})
    return found


def _test(clause: str) -> str:
    suite, topic, obligation = clause.split(".", 2)
    stem = topic.replace("-", "_")
    return f"suites/{suite}/test_{stem}.py::test_{stem}_{obligation.replace('-', '_').replace('.', '_')}"


def _record(run: str, stage: str, verdict: str, hostile: bool) -> list[dict[str, Any]]:
    mine = [item["clause"] for item in _standings(stage, verdict)]
    tested = [item["clause"] for item in _standings(stage, verdict) if item["standing"] != "uncovered"]
    results = [_result(item, hostile) for item in _standings(stage, verdict) if item["clause"] in tested]
    results = [item for item in results if item]
    header = {**facts.HEADER, "run": run, "stage": stage, "started": STARTED, "catalogue": facts.CATALOGUE}
    counts: dict[str, int] = {}
    for item in results:
        counts[item["outcome"]] = counts.get(item["outcome"], 0) + 1
    return [
        {"kind": "run", **header},
        *({"kind": "part", **to_json(part)} for part in parts()),
        {"kind": "planned", "tests": {_test(name): [name] for name in tested}, "deselected": 14, "clauses": mine},
        *results,
        {"kind": "end", "finished": "2026-11-23T20:16:55Z", "exit": 1, "counts": counts},
    ]


def _result(item: dict[str, Any], hostile: bool) -> dict[str, Any]:
    name, standing = item["clause"], item["standing"]
    if standing == "missing":
        return {}
    outcome = "fail" if standing == "waived" else standing
    duration = int(_digest(name)[:3], 16) / 900
    result = {
        "kind": "result", "test": _test(name), "clauses": [name], "outcome": outcome, "duration": duration,
        "started": STARTED, "worker": "gw0", "repeat": f".venv/bin/pytest '{_test(name)}' --seed 20261123",
        **(facts.TEXTS.get(name, {}) if outcome != "pass" else {}),
    }  # fmt: skip
    if hostile and outcome != "pass":
        for key in ("summary", "expected", "actual", "question", "text"):
            result[key] = HOSTILE + str(result.get(key, ""))
    return result


if __name__ == "__main__":
    sys.stdout.write(f"{write(Path(sys.argv[1]), verdict=sys.argv[2] if len(sys.argv) > 2 else 'FAIL')}\n")
