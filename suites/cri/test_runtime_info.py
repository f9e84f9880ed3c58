"""What the runtime says of itself: Version, Status, RuntimeConfig, metric descriptors."""

from __future__ import annotations

import re

import pytest

from fixtures.subjects.cri import cgroups
from fixtures.subjects.cri.bench import Bench
from fixtures.subjects.cri.checks import require_equal
from fixtures.subjects.cri.client import CriClient, Refused
from fixtures.subjects.cri.runtime import Runtime
from reports.model import ClauseViolation, NotApplicable

# A leading v and missing minor and patch numbers are let pass: the readers of these strings accept them.
SEMANTIC = re.compile(r"v?\d+(\.\d+(\.\d+)?)?(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?")


@pytest.mark.clause("cri.version.names-runtime")
def test_version_names_the_runtime(cri: CriClient) -> None:
    answer = cri.call("Version")
    for name in ("version", "runtime_name", "runtime_version", "runtime_api_version"):
        if not getattr(answer, name):
            raise ClauseViolation(f"Version leaves {name} empty", expected="a non-empty string", actual="")


@pytest.mark.clause("cri.version.semver")
@pytest.mark.parametrize("name", ["runtime_version", "runtime_api_version"])
def test_version_strings_are_semantic_versions(cri: CriClient, name: str) -> None:
    text = getattr(cri.call("Version"), name)
    if not SEMANTIC.fullmatch(text):
        raise ClauseViolation(
            f"Version.{name} cannot be read as a semantic version",
            expected="MAJOR.MINOR.PATCH",
            actual=text,
            question="Is a build name or a date in its place?",
        )


@pytest.mark.clause("cri.status.required-conditions")
def test_status_reports_both_required_conditions_true(cri: CriClient) -> None:
    conditions = {item.type: item.status for item in cri.call("Status").status.conditions}
    seen = {name: conditions.get(name) for name in ("RuntimeReady", "NetworkReady")}
    require_equal("the pair of required conditions", seen, {"RuntimeReady": True, "NetworkReady": True})


@pytest.mark.clause("cri.status.handler-names-unique")
def test_status_runtime_handler_names_are_unique(cri: CriClient) -> None:
    names = sorted(item.name for item in cri.call("Status").runtime_handlers)
    require_equal("the list of runtime handler names", names, sorted(set(names)), "Is one handler listed twice?")


@pytest.mark.clause("cri.status.info-only-verbose")
def test_status_gives_info_only_when_verbose(cri: CriClient) -> None:
    require_equal("Status.info of a call that is not verbose", dict(cri.call("Status", verbose=False).info), {})


@pytest.mark.clause("cri.runtime-config.static")
def test_runtime_config_is_the_same_each_time(cri: CriClient, bench: Bench) -> None:
    first = cri.call("RuntimeConfig")
    bench.run_sandbox()
    require_equal("the second RuntimeConfig", cri.call("RuntimeConfig"), first, "Does it change while pods run?")


@pytest.mark.clause("cri.runtime-config.driver-is-real")
def test_runtime_config_driver_matches_the_cgroups_made(cri: CriClient, bench: Bench, cri_runtime: Runtime) -> None:
    cri_runtime.require_private("the cgroups it makes")
    driver = cri.call("RuntimeConfig").linux.cgroup_driver
    sandbox = bench.run_sandbox()
    container = bench.run(sandbox)
    folder = cgroups.folder_of("memory", sandbox.config.linux.cgroup_parent, container)
    real = bench.messages.SYSTEMD if folder.name.endswith(".scope") else bench.messages.CGROUPFS
    require_equal("the cgroup driver that RuntimeConfig names", driver, real, f"The container's cgroup is {folder}.")


@pytest.mark.clause("cri.update-runtime-config.empty-cidr-ignored")
def test_update_runtime_config_without_cidr_changes_nothing(cri: CriClient, bench: Bench) -> None:
    empty = cri.messages.RuntimeConfig(network_config=cri.messages.NetworkConfig(pod_cidr=""))
    cri.call("UpdateRuntimeConfig", runtime_config=empty)
    if not bench.sandbox_status(bench.run_sandbox()).network.ip:
        raise ClauseViolation(
            "after UpdateRuntimeConfig with an empty CIDR a pod has no address", expected="an address"
        )


@pytest.mark.clause("cri.metrics.declared")
def test_pod_metrics_use_only_declared_names_and_labels(cri: CriClient, bench: Bench) -> None:
    bench.run(bench.run_sandbox())
    try:
        declared = {item.name: len(item.label_keys) for item in cri.call("ListMetricDescriptors").descriptors}
        pods = cri.call("ListPodSandboxMetrics").pod_metrics
    except Refused as refused:
        if refused.code == "UNIMPLEMENTED":
            raise NotApplicable("the runtime serves no pod metrics") from refused
        raise
    for pod in pods:
        for metric in [*pod.metrics, *(item for each in pod.container_metrics for item in each.metrics)]:
            require_equal(
                f"the number of labels declared for metric {metric.name!r}",
                declared.get(metric.name),
                len(metric.label_values),
                "Is the metric missing from ListMetricDescriptors?",
            )
