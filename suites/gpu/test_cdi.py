"""Answers that name CDI devices: do the names lead to devices?"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from fixtures.subjects.gpu.client import PluginClient
from fixtures.subjects.gpu.subject import PluginSubject
from reports.model import ClauseViolation, NotApplicable

QUALIFIED = re.compile(
    r"[A-Za-z][A-Za-z0-9_.-]*[A-Za-z0-9]/[A-Za-z][A-Za-z0-9_-]*=[A-Za-z0-9]([A-Za-z0-9_.:-]*[A-Za-z0-9])?"
)


@pytest.fixture
def cdi_names(cdi_plugin: PluginClient) -> list[str]:
    """The CDI names for all healthy devices. NotApplicable for a plugin that uses none."""
    names = [device.name for device in cdi_plugin.grant(*cdi_plugin.healthy_ids()).cdi_devices]
    if not names:
        raise NotApplicable("the plugin's answers hold no CDI names")
    return names


def described(folders: tuple[Path, ...]) -> dict[str, dict[str, Any]]:
    """Qualified name to description, of every readable file of the CDI folders."""
    found: dict[str, dict[str, Any]] = {}
    for path in [path for folder in folders for path in sorted(folder.glob("*")) if folder.is_dir()]:
        if path.suffix not in (".json", ".yaml") or path.name.startswith("."):
            continue
        try:
            spec = json.loads(path.read_text()) if path.suffix == ".json" else yaml.safe_load(path.read_text())
        except (ValueError, yaml.YAMLError) as error:
            raise ClauseViolation(
                f"{path} cannot be read", expected="a CDI description", actual=error, clause="gpu.cdi.resolves"
            ) from error
        found |= {f"{spec['kind']}={device['name']}": device for device in spec.get("devices", [])}
    return found


@pytest.mark.clause("gpu.cdi.name-qualified")
def test_cdi_names_of_an_answer_are_qualified(cdi_names: list[str]) -> None:
    bad = [name for name in cdi_names if not QUALIFIED.fullmatch(name)]
    if bad:
        raise ClauseViolation("CDI names that are not qualified", expected="vendor/class=device", actual=bad)


@pytest.mark.clause("gpu.cdi.resolves")
def test_cdi_names_of_an_answer_are_described(cdi_names: list[str], gpu_cdi_subject: PluginSubject) -> None:
    known = described(gpu_cdi_subject.recipe.cdi_dirs)
    missing = [name for name in cdi_names if QUALIFIED.fullmatch(name) and name not in known]
    if missing:
        where = ", ".join(map(str, gpu_cdi_subject.recipe.cdi_dirs))
        raise ClauseViolation(
            "CDI names that nothing describes", expected=f"{missing} in {where}", actual=sorted(known) or "none at all"
        )


@pytest.mark.clause("gpu.cdi.nodes-exist")
def test_cdi_descriptions_name_existing_nodes(cdi_names: list[str], gpu_cdi_subject: PluginSubject) -> None:
    known = described(gpu_cdi_subject.recipe.cdi_dirs)
    missing = []
    for name in cdi_names:
        for node in known.get(name, {}).get("containerEdits", {}).get("deviceNodes", []):
            path = node.get("hostPath") or node["path"]
            if not Path(path).exists():
                missing.append(f"{name}: {path}")
    if missing:
        raise ClauseViolation(
            "CDI descriptions name device nodes that are not there", expected="existing nodes", actual=missing
        )
