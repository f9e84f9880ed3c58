"""Pod sandboxes: made ready, described as asked for, refused when wrong."""

from __future__ import annotations

import ipaddress
import time

import pytest

from fixtures.subjects.cri.bench import Bench
from fixtures.subjects.cri.checks import require_equal, require_recent, require_refusal, require_same_map
from fixtures.subjects.cri.client import CriClient
from reports.model import ClauseViolation

ANNOTATIONS = {"a.example/json": '{"b": [1, 2]}', "empty": "", "blanks": " x \n\ty ", "letters": "\u00fc\u4e2d"}


@pytest.mark.clause("cri.run-pod-sandbox.ready-on-return")
def test_sandbox_is_ready_when_run_returns(bench: Bench) -> None:
    status = bench.sandbox_status(bench.run_sandbox())
    require_equal("the state of a sandbox just run", status.state, bench.messages.SANDBOX_READY)


@pytest.mark.clause("cri.pod-sandbox-status.metadata-identical")
def test_sandbox_status_returns_its_metadata(bench: Bench) -> None:
    sandbox = bench.run_sandbox()
    status = bench.sandbox_status(sandbox)
    require_equal("the id in the status", status.id, sandbox.id)
    require_equal("the metadata in the status", status.metadata, sandbox.config.metadata)


@pytest.mark.clause("cri.pod-sandbox-status.annotations-identical")
def test_sandbox_annotations_in_status_are_identical(bench: Bench) -> None:
    status = bench.sandbox_status(bench.run_sandbox(annotations=ANNOTATIONS))
    require_same_map("the annotations in PodSandboxStatus", status.annotations, ANNOTATIONS)


@pytest.mark.clause("cri.list-pod-sandbox.annotations-identical")
def test_sandbox_annotations_in_list_are_identical(bench: Bench, cri: CriClient) -> None:
    sandbox = bench.run_sandbox(annotations=ANNOTATIONS)
    (item,) = cri.call("ListPodSandbox", filter=cri.messages.PodSandboxFilter(id=sandbox.id)).items
    require_same_map("the annotations in ListPodSandbox", item.annotations, ANNOTATIONS)


@pytest.mark.clause("cri.pod-sandbox-status.labels-identical")
def test_sandbox_labels_in_status_and_list_are_identical(bench: Bench, cri: CriClient) -> None:
    labels = {"app": "web", "example.com/tier": "front"}
    sandbox = bench.run_sandbox(labels=labels)
    (item,) = cri.call("ListPodSandbox", filter=cri.messages.PodSandboxFilter(id=sandbox.id)).items
    require_same_map("the labels in PodSandboxStatus", bench.sandbox_status(sandbox).labels, labels)
    require_same_map("the labels in ListPodSandbox", item.labels, labels)


@pytest.mark.clause("cri.pod-sandbox-status.created-at")
def test_sandbox_creation_time_is_in_nanoseconds(bench: Bench, cri: CriClient) -> None:
    began = time.time()
    sandbox = bench.run_sandbox()
    (item,) = cri.call("ListPodSandbox", filter=cri.messages.PodSandboxFilter(id=sandbox.id)).items
    require_recent("created_at in PodSandboxStatus", bench.sandbox_status(sandbox).created_at, began)
    require_recent("created_at in ListPodSandbox", item.created_at, began)


@pytest.mark.clause("cri.pod-sandbox-status.info-only-verbose")
def test_sandbox_status_gives_info_only_when_verbose(bench: Bench, cri: CriClient) -> None:
    sandbox = bench.run_sandbox()
    info = cri.call("PodSandboxStatus", pod_sandbox_id=sandbox.id, verbose=False).info
    require_equal(
        "PodSandboxStatus.info of a call that is not verbose", dict(info), {}, "Is an empty record filled in?"
    )


@pytest.mark.clause("cri.pod-sandbox-status.address")
def test_sandbox_status_names_the_address_of_the_pod(bench: Bench) -> None:
    sandbox = bench.run_sandbox()
    reported = bench.sandbox_status(sandbox).network.ip
    inside = bench.shell(bench.run(sandbox), "ip -o -4 addr show dev eth0")
    try:
        ipaddress.ip_address(reported)
    except ValueError as error:
        raise ClauseViolation(
            "the pod has no address in its status", expected="an IP address", actual=reported
        ) from error
    if f" {reported}/" not in inside:
        raise ClauseViolation("the pod's status names another address", expected=inside, actual=reported)


@pytest.mark.clause("cri.run-pod-sandbox.metadata-unique")
def test_sandbox_with_metadata_in_use_is_refused(bench: Bench, cri: CriClient) -> None:
    sandbox = bench.run_sandbox()
    require_refusal(
        "a second RunPodSandbox with the same name, uid, namespace and attempt",
        lambda: cri.call("RunPodSandbox", config=sandbox.config),
        "Is the metadata reserved before the sandbox is made?",
    )


@pytest.mark.clause("cri.run-pod-sandbox.attempt-distinguishes")
def test_sandbox_with_a_new_attempt_is_accepted(bench: Bench) -> None:
    first = bench.run_sandbox()
    config = bench.sandbox_config()
    config.metadata.CopyFrom(first.config.metadata)
    config.metadata.attempt = 1
    second = bench.run_sandbox(config)
    if second.id == first.id:
        raise ClauseViolation("two attempts of a pod have one id", expected="two ids", actual=first.id)


@pytest.mark.clause("cri.run-pod-sandbox.unknown-handler-refused")
def test_sandbox_with_an_unknown_handler_is_refused(bench: Bench) -> None:
    require_refusal(
        "RunPodSandbox with a runtime handler that does not exist",
        lambda: bench.run_sandbox(runtime_handler="no-such-handler"),
        "Does an unknown handler fall back to the default one, so that a sandboxed pod runs unsandboxed?",
    )


@pytest.mark.clause("cri.run-pod-sandbox.group-needs-user")
def test_sandbox_with_group_but_no_user_is_refused(bench: Bench) -> None:
    m = bench.messages
    security = m.LinuxSandboxSecurityContext(run_as_group=m.Int64Value(value=1002))
    require_refusal(
        "RunPodSandbox with run_as_group and without run_as_user",
        lambda: bench.run_sandbox(security=security),
        "Is the check made for containers only?",
    )


@pytest.mark.clause("cri.run-pod-sandbox.hostname")
def test_sandbox_hostname_is_seen_in_its_containers(bench: Bench) -> None:
    container = bench.run(bench.run_sandbox(hostname="topmast"))
    require_equal("the host name inside", bench.shell(container, "hostname"), "topmast")


@pytest.mark.clause("cri.run-pod-sandbox.dns-config")
def test_sandbox_dns_config_is_written_to_resolv_conf(bench: Bench) -> None:
    dns = bench.messages.DNSConfig(servers=["10.213.0.53"], searches=["a.example", "b.example"], options=["ndots:3"])
    text = bench.shell(bench.run(bench.run_sandbox(dns_config=dns)), "cat /etc/resolv.conf")
    wanted = {"nameserver 10.213.0.53", "search a.example b.example", "options ndots:3"}
    require_equal("resolv.conf inside", {line.strip() for line in text.splitlines() if line.strip()}, wanted)


@pytest.mark.clause("cri.run-pod-sandbox.sysctls")
def test_sandbox_sysctls_are_set_in_the_pod(bench: Bench) -> None:
    config = bench.sandbox_config()
    config.linux.sysctls["net.ipv4.ip_local_port_range"] = "32000 32100"
    container = bench.run(bench.run_sandbox(config))
    seen = bench.shell(container, "cat /proc/sys/net/ipv4/ip_local_port_range").split()
    require_equal("the sysctl inside", seen, ["32000", "32100"])
