"""Identity and privileges of a container's process, read from inside."""

from __future__ import annotations

import pytest

from fixtures.subjects.cri.bench import Bench
from fixtures.subjects.cri.checks import require_equal, require_refusal
from reports.model import ClauseViolation

NET_RAW, CHOWN, NET_ADMIN = 13, 0, 12


def effective(bench: Bench, container: str, kind: str = "CapEff") -> set[int]:
    """The numbers of the capabilities in one set of the container's first process."""
    mask = int(bench.shell(container, f"grep {kind}: /proc/1/status").split()[1], 16)
    return {number for number in range(64) if mask >> number & 1}


@pytest.mark.clause("cri.security.run-as-user")
def test_container_process_runs_as_the_user_and_group_asked_for(bench: Bench) -> None:
    m = bench.messages
    security = m.LinuxContainerSecurityContext(
        run_as_user=m.Int64Value(value=1234), run_as_group=m.Int64Value(value=2345), supplemental_groups=[3456]
    )
    container = bench.run(bench.run_sandbox(), security=security)
    seen = [bench.shell(container, f"id -{letter}") for letter in "ug"] + ["3456" in bench.shell(container, "id -G")]
    require_equal("user, group, and whether in group 3456", seen, ["1234", "2345", True])


@pytest.mark.clause("cri.security.group-needs-user")
def test_container_with_group_but_no_user_is_refused(bench: Bench) -> None:
    m = bench.messages
    security = m.LinuxContainerSecurityContext(run_as_group=m.Int64Value(value=2345))
    require_refusal(
        "a container with run_as_group and neither user nor user name",
        lambda: bench.run(bench.run_sandbox(), security=security),
    )


@pytest.mark.clause("cri.security.unknown-username-refused")
def test_container_with_a_user_name_not_in_its_image_is_refused(bench: Bench) -> None:
    security = bench.messages.LinuxContainerSecurityContext(run_as_username="no-such-sailor")
    require_refusal("a container with an unknown user name", lambda: bench.run(bench.run_sandbox(), security=security))


@pytest.mark.clause("cri.security.capabilities-dropped")
def test_container_capability_dropped_is_in_no_set(bench: Bench) -> None:
    m = bench.messages
    security = m.LinuxContainerSecurityContext(capabilities=m.Capability(drop_capabilities=["NET_RAW"]))
    container = bench.run(bench.run_sandbox(), security=security)
    for kind in ("CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb"):
        if NET_RAW in effective(bench, container, kind):
            raise ClauseViolation(f"NET_RAW was dropped and is still in {kind}", expected="not in any set")


@pytest.mark.clause("cri.security.capabilities-drop-all")
def test_container_with_all_capabilities_dropped_has_none(bench: Bench) -> None:
    m = bench.messages
    security = m.LinuxContainerSecurityContext(capabilities=m.Capability(drop_capabilities=["ALL"]))
    container = bench.run(bench.run_sandbox(), security=security)
    require_equal("the effective capabilities", effective(bench, container), set())


@pytest.mark.clause("cri.security.capabilities-added")
def test_container_capability_added_is_effective(bench: Bench) -> None:
    m = bench.messages
    security = m.LinuxContainerSecurityContext(
        capabilities=m.Capability(drop_capabilities=["ALL"], add_capabilities=["NET_ADMIN"])
    )
    container = bench.run(bench.run_sandbox(), security=security)
    require_equal("the effective capabilities", effective(bench, container), {NET_ADMIN})


@pytest.mark.clause("cri.security.no-new-privs")
@pytest.mark.parametrize("flag", [True, False])
def test_container_no_new_privs_flag_is_set_as_asked(bench: Bench, flag: bool) -> None:
    security = bench.messages.LinuxContainerSecurityContext(no_new_privs=flag)
    container = bench.run(bench.run_sandbox(), security=security)
    require_equal("NoNewPrivs", bench.shell(container, "grep NoNewPrivs /proc/1/status").split()[1], str(int(flag)))


@pytest.mark.clause("cri.security.masked-paths")
def test_container_masked_path_shows_nothing(bench: Bench) -> None:
    security = bench.messages.LinuxContainerSecurityContext(masked_paths=["/proc/version", "/root"])
    container = bench.run(bench.run_sandbox(), security=security)
    require_equal("a masked file", bench.shell(container, "cat /proc/version"), "")
    require_equal("a masked folder", bench.shell(container, "ls -A /root"), "")


@pytest.mark.clause("cri.security.readonly-paths")
def test_container_readonly_path_refuses_writes(bench: Bench) -> None:
    security = bench.messages.LinuxContainerSecurityContext(readonly_paths=["/tmp"])
    container = bench.run(bench.run_sandbox(), security=security)
    if bench.exec(container, "touch", "/tmp/written").exit_code == 0:
        raise ClauseViolation("a path in readonly_paths can be written", expected="a refusal", actual="success")


@pytest.mark.clause("cri.security.privileged-needs-sandbox")
def test_container_privileged_in_an_unprivileged_sandbox_is_refused(bench: Bench) -> None:
    security = bench.messages.LinuxContainerSecurityContext(privileged=True)
    require_refusal(
        "a privileged container in a sandbox that was not declared privileged",
        lambda: bench.run(bench.run_sandbox(), security=security),
    )


@pytest.mark.clause("cri.security.target-pid-same-pod")
def test_container_pid_target_in_another_pod_is_refused(bench: Bench) -> None:
    m = bench.messages
    stranger = bench.run(bench.run_sandbox())
    options = m.NamespaceOption(pid=m.TARGET, target_id=stranger)
    require_refusal(
        "a container whose pid namespace is that of a container in another pod",
        lambda: bench.run(bench.run_sandbox(), security=m.LinuxContainerSecurityContext(namespace_options=options)),
        "Is the target looked up by id alone, across pods?",
    )
