"""A candidate's own CSI driver, a program, is started as its source says and judged in place of our reference."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from fixtures.toolchain.cache import Cache
from fixtures.toolchain.progress import quiet
from fixtures.toolchain.provide import provide
from reports.model import Component, Source, to_json
from reports.record import read
from suites.selftest.csi.test_csi_driver_choice import run_suite


@pytest.mark.needs("root")
def test_csi_driver_of_a_candidate_from_a_path_is_started_with_its_arguments(tmp_path: Path) -> None:
    (program := tmp_path / "driver").write_text(f'#!/bin/sh\nexec {sys.executable} -m fixtures.references.csi "$@"\n')
    words = ("--endpoint={endpoint}", "--node-id={node_id}", "--state-dir={state}", "--driver-name", "mine.example")
    component = Component("csi-driver", "9", (Source("path", path=str(program), args=words),))
    part = next(iter(provide([component], Cache(tmp_path / "cache"), quiet)))
    (tmp_path / "parts.json").write_text(json.dumps([to_json(part)]))
    done = run_suite(
        tmp_path / "run", "suites/csi/identity/test_identity.py", "suites/csi/resilience/test_restart.py",
        "--parts", str(tmp_path / "parts.json"),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    results = read(tmp_path / "run" / "record.jsonl").results
    assert sum(result.outcome == "pass" for result in results) > 5, done.stdout
