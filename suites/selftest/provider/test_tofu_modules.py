"""The shipped modules by their own tests (`tofu test`: the plugins' schemas, no cloud), and that these can fail."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from fixtures.clusters.tofu.order import SHIPPED
from suites.selftest.provider.clouds import tofu
from suites.selftest.provider.plugins import PLUGINS, copy, mirror

pytestmark = [pytest.mark.full, pytest.mark.timeout(600)]
_SECONDS = 500


@pytest.fixture(scope="module")
def initialised(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A copy of a shipped module after `tofu init`, made once of each. Skips where its plugin is not built."""
    made: dict[str, Path] = {}

    def of(module: str) -> Path:
        if module not in made:
            program, folder = tofu(), tmp_path_factory.mktemp(module)
            configuration = mirror(module, folder)
            target = copy(module, folder)
            done = _run(program, target, "init", TF_CLI_CONFIG_FILE=str(configuration))
            assert done.returncode == 0, done.stderr
            made[module] = target
        return made[module]

    return of


def _run(program: str, folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "TF_CLI_CONFIG_FILE": os.devnull, "CHECKPOINT_DISABLE": "1", **more}
    argv = [program, f"-chdir={folder}", *arguments, "-no-color"]
    return subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=_SECONDS, check=False)


@pytest.mark.parametrize("module", sorted(PLUGINS))
def test_module_passes_its_own_tests(initialised: Callable[[str], Path], module: str) -> None:
    done = _run(tofu(), initialised(module), "test")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"Success! \d+ passed, 0 failed\.", done.stdout), done.stdout


def test_every_shipped_module_has_tests_and_a_plugin() -> None:
    modules = sorted(path.name for path in SHIPPED.iterdir() if path.is_dir())
    assert modules == sorted(PLUGINS)
    assert [name for name in PLUGINS if not list((SHIPPED / name / "tests").glob("*.tftest.hcl"))] == []


#: (module, what stands in its files, what stands there instead, the run of its tests that has to fail)
MUTANTS = [
    ("eks", r"(resource \"aws_vpc\" .*?)  tags .*?\n", r"\1", "marks_are_on_whatever_can_carry_them"),
    ("eks", r'"instance", "volume", "network-interface"', '"instance"', "marks_are_on_whatever_can_carry_them"),
    ("eks", r"(endpoint_public_access  = ).*?\n", r"\1true\n", "endpoint_is_private_unless_told"),
    ("eks", r"(public_access_cidrs .*?\? )var.public_from", r'\1["0.0.0.0/0"]', "endpoint_is_open_to_the_ranges_that"),
    ("eks", r"(max_size     = )var.nodes", r"\g<1>9", "machines_are_those_of_the_variables_and_private"),
    ("eks", r"var.nodes <= 10", "var.nodes <= 20", "too_many_nodes_are_refused"),
    ("eks", r'(command +)= "aws"', r'\1= "sh"', "kubeconfig_logs_in_by_the_clouds_own_program"),
    ("gke", r"(resource_labels +)= var.seatrial_tags", r"\1= {}", "marks_are_on_the_cluster_which_hands_them_on"),
    ("gke", r"(\n  description +)= local.marks", r'\1= "x"', "names_and_descriptions_are_the_runs_where_no"),
    ("gke", r"(enable_private_endpoint = ).*?\n", r"\1false\n", "endpoint_and_nodes_are_private_unless_told"),
    ("gke", r"(enable_private_nodes    = )true", r"\1false", "endpoint_and_nodes_are_private_unless_told"),
    ("gke", r"(machine_type +)= var.machine", r'\1= "e2-standard-32"', "machines_are_those_of_the_variables"),
    ("gke", r'startswith\(var.zone, "\$\{var.region\}-"\)', 'startswith(var.zone, "")', "zone_of_another_region"),
    ("aks", r"(default_node_pool \{.*?)    tags .*?\n", r"\1", "marks_are_on_whatever_can_carry_them"),
    ("aks", r"(private_cluster_enabled = ).*?\n", r"\1false\n", "endpoint_is_private_unless_told"),
    ("aks", r"(node_count = )var.nodes", r"\g<1>9", "machines_are_those_of_the_variables"),
    ("aks", r"(\^)1\\\\\.\[0-9\]\+", r"\1", "version_of_kubernetes_is_checked"),
    ("tinkerbell", r"(\"Hardware\".*?labels +=) merge\(var.seatrial_tags, ", r"\1 merge({}, ", "labels_are_on_every"),
    ("tinkerbell", r"netmask = cidrnetmask\(var.network\)", 'netmask = "255.0.0.0"', "hardware_is_the_machine_of"),
    ("tinkerbell", r"(hardwareMap = \{ machine = )each.value.mac", r"\1each.key", "workflow_writes_the_image_to"),
    ("tinkerbell", r"var.image_url == null \? \{\} :", "", "without_an_image_the_machines_wait_for_cluster_api"),
    ("tinkerbell", r'can\(regex\("[^"]*", machine.mac\)\)', 'machine.mac != ""', "mac_that_is_none_is_refused"),
    ("tinkerbell", r"length\(all\) == length\(toset\(all\)\)", "length(all) > 0", "address_that_two_have_is_refused"),
]


@pytest.mark.parametrize(("module", "pattern", "instead", "fails"), MUTANTS)
def test_module_that_was_spoilt_fails_its_own_tests(
    initialised: Callable[[str], Path], tmp_path: Path, module: str, pattern: str, instead: str, fails: str
) -> None:
    spoilt = tmp_path / module
    shutil.copytree(initialised(module), spoilt, symlinks=True)
    count = 0
    for path in spoilt.glob("*.tf"):
        text, here = re.subn(pattern, instead, path.read_text(), count=1, flags=re.DOTALL)
        count += here
        path.write_text(text)
    assert count == 1, f"{pattern} stands {count} times"
    _keep_only(fails, spoilt / "tests" / f"{module}.tftest.hcl")
    done = _run(tofu(), spoilt, "test")
    assert re.search(r"\nFailure! 0 passed, 1 failed\.", done.stdout), done.stdout + done.stderr
    assert "Error: Test assertion failed" in done.stderr or "Error: Missing expected failure" in done.stderr, (
        done.stderr
    )


def _keep_only(name: str, tests: Path) -> None:
    """Take all other runs out of a file of tests, for the time that they take."""
    head, *runs = re.split(r'(?m)^(?=run ")', tests.read_text())
    (kept,) = [run for run in runs if run.startswith(f'run "{name}')]
    tests.write_text(head + kept)
