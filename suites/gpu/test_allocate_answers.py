"""Allocate: what is written in an answer, field by field."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest

from fixtures.subjects.gpu.client import PluginClient
from reports.model import ClauseViolation, NotApplicable


@pytest.fixture
def full_grant(device_plugin: PluginClient) -> Any:
    """The answer for one container that gets all healthy devices."""
    return device_plugin.grant(*device_plugin.healthy_ids())


@pytest.fixture
def device_specs(full_grant: Any) -> list[Any]:
    """The device nodes of that answer. NotApplicable for a plugin that grants its devices in another way."""
    if not full_grant.devices:
        raise NotApplicable("the plugin's answers hold no device nodes")
    return list(full_grant.devices)


def fault_of_node(path: str) -> str:
    """What is wrong with a host path of a device, "" for nothing."""
    try:
        mode = Path(path).stat().st_mode
    except OSError as error:
        return error.strerror or "cannot be looked at"
    # The runtime also takes a folder and gives all device nodes in it.
    return "" if stat.S_ISCHR(mode) or stat.S_ISBLK(mode) or stat.S_ISDIR(mode) else "is no device node"


@pytest.mark.clause("gpu.allocate.nodes-exist")
def test_device_nodes_of_an_answer_exist(device_specs: list[Any]) -> None:
    bad = {spec.host_path: fault for spec in device_specs if (fault := fault_of_node(spec.host_path))}
    if bad:
        raise ClauseViolation("the answer names device nodes that are not there", expected="device nodes", actual=bad)


@pytest.mark.clause("gpu.allocate.permissions-valid")
def test_device_permissions_are_known_letters(device_specs: list[Any]) -> None:
    bad = {
        spec.host_path: spec.permissions
        for spec in device_specs
        if not spec.permissions
        or set(spec.permissions) - set("rwm")
        or len(set(spec.permissions)) < len(spec.permissions)
    }
    if bad:
        raise ClauseViolation("device permissions that no runtime knows", expected="some of r, w, m", actual=bad)


@pytest.mark.clause("gpu.allocate.permissions-minimal")
def test_device_permissions_do_not_allow_making_nodes(device_specs: list[Any]) -> None:
    wide = {spec.host_path: spec.permissions for spec in device_specs if "m" in spec.permissions}
    if wide:
        raise ClauseViolation("containers may make device nodes", expected="r, w or rw", actual=wide)


@pytest.mark.clause("gpu.allocate.container-paths")
def test_device_paths_in_the_container_are_absolute_and_differ(device_specs: list[Any]) -> None:
    paths = [spec.container_path for spec in device_specs]
    relative = [path for path in paths if not path.startswith("/")]
    twice = sorted({path for path in paths if paths.count(path) > 1})
    if relative or twice:
        raise ClauseViolation(
            "paths inside the container do not tell the devices apart, or are not absolute",
            expected=f"{len(paths)} different absolute paths",
            actual=f"not absolute: {relative}; more than once: {twice}",
        )


@pytest.mark.clause("gpu.allocate.mounts-exist")
def test_mounts_of_an_answer_exist(full_grant: Any) -> None:
    if not full_grant.mounts:
        raise NotApplicable("the plugin's answers hold no mounts")
    bad = [
        f"{mount.host_path} at {mount.container_path}"
        for mount in full_grant.mounts
        if not Path(mount.host_path).exists() or not mount.container_path.startswith("/")
    ]
    if bad:
        raise ClauseViolation(
            "mounts that cannot be made", expected="host paths that exist, absolute container paths", actual=bad
        )


@pytest.mark.clause("gpu.allocate.env-names-valid")
def test_environment_names_of_an_answer_are_usable(full_grant: Any) -> None:
    if not full_grant.envs:
        raise NotApplicable("the plugin's answers hold no environment variables")
    bad = [name for name in full_grant.envs if not name or "=" in name or "\0" in name]
    if bad:
        raise ClauseViolation("names that no environment can hold", expected="names without = and zero", actual=bad)
