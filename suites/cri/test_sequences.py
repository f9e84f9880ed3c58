"""Any sequence of lifecycle calls: after each call the lists show what the calls so far say."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from fixtures.subjects.cri.bench import Bench, Sandbox
from fixtures.subjects.cri.checks import require_equal

NUMBERS = st.integers(0, 7)
# Few and short: each step is a real container. The full profile's seed varies, so runs add up.
LIMITS = settings(
    max_examples=3,
    stateful_step_count=12,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@dataclass
class Pod:
    """What the calls so far say of one pod: whether it is ready, and the state of each container."""

    sandbox: Sandbox
    ready: bool = True
    containers: dict[str, str] = field(default_factory=dict)


class Lifecycle(RuleBasedStateMachine):
    """The model beside the runtime. bench is set by the test."""

    bench: Bench

    def __init__(self) -> None:
        super().__init__()
        self.pods: list[Pod] = []

    def _some(self, number: int, *states: str) -> tuple[Pod, str] | None:
        """A container in one of the states, if there is one."""
        found = [(pod, name) for pod in self.pods for name, state in pod.containers.items() if state in states]
        return found[number % len(found)] if found else None

    @precondition(lambda self: len(self.pods) < 2)
    @rule()
    def run_pod(self) -> None:
        self.pods.append(Pod(self.bench.run_sandbox()))

    @rule(number=NUMBERS)
    def create_container(self, number: int) -> None:
        ready = [pod for pod in self.pods if pod.ready]
        if ready:
            pod = ready[number % len(ready)]
            pod.containers[self.bench.create(pod.sandbox)] = "CREATED"

    @rule(number=NUMBERS)
    def start_container(self, number: int) -> None:
        found = self._some(number, "CREATED")
        if found and found[0].ready:
            self.bench.start(found[1])
            found[0].containers[found[1]] = "RUNNING"

    @rule(number=NUMBERS)
    def stop_container(self, number: int) -> None:
        if found := self._some(number, "RUNNING", "EXITED"):
            self.bench.stop(found[1])
            found[0].containers[found[1]] = "EXITED"

    @rule(number=NUMBERS)
    def remove_container(self, number: int) -> None:
        if found := self._some(number, "CREATED", "RUNNING", "EXITED"):
            self.bench.cri.call("RemoveContainer", container_id=found[1])
            del found[0].containers[found[1]]

    @rule(number=NUMBERS)
    def stop_pod(self, number: int) -> None:
        if self.pods:
            pod = self.pods[number % len(self.pods)]
            self.bench.cri.call("StopPodSandbox", pod_sandbox_id=pod.sandbox.id)
            pod.ready = False
            # A container that was never started has nothing to end: what becomes of it is not said anywhere.
            pod.containers = {name: "EXITED" for name, state in pod.containers.items() if self._ended(name, state)}

    def _ended(self, container: str, state: str) -> bool:
        if state == "CREATED":
            self.bench.cri.call("RemoveContainer", container_id=container)
        return state != "CREATED"

    @rule(number=NUMBERS)
    def remove_pod(self, number: int) -> None:
        if self.pods:
            pod = self.pods.pop(number % len(self.pods))
            self.bench.cri.call("RemovePodSandbox", pod_sandbox_id=pod.sandbox.id)

    @invariant()
    def lists_show_what_was_done(self) -> None:
        m, call = self.bench.messages, self.bench.cri.call
        ours = {sandbox.config.metadata.name for sandbox in self.bench.sandboxes}
        listed = {item.id: item.state for item in call("ListPodSandbox").items if item.metadata.name in ours}
        wanted = {pod.sandbox.id: m.SANDBOX_READY if pod.ready else m.SANDBOX_NOTREADY for pod in self.pods}
        require_equal("the list of sandboxes", listed, wanted)
        for pod in self.pods:
            mine = call("ListContainers", filter=m.ContainerFilter(pod_sandbox_id=pod.sandbox.id)).containers
            seen = {item.id: m.ContainerState.Name(item.state).removeprefix("CONTAINER_") for item in mine}
            require_equal("the list of containers", seen, pod.containers)

    def teardown(self) -> None:
        self.bench.clean()


@pytest.mark.clause("cri.lifecycle.lists-follow-calls")
def test_lifecycle_in_any_order_is_what_the_lists_show(bench: Bench) -> None:
    machine = type("BoundLifecycle", (Lifecycle,), {"bench": bench})
    run_state_machine_as_test(machine, settings=LIMITS)
