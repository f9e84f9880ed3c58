"""Sequences: any order of ADD, DEL and CHECK, against a model of what should be attached."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from fixtures.subjects.cni.network import Attachment, Container, Network, require_refusal, require_success
from fixtures.subjects.cni.state import require_restored, snapshot
from reports.model import ClauseViolation

# One interface per container: that two of one container are apart is a clause of its own.
CONTAINERS = st.integers(0, 2)


class Attachments(RuleBasedStateMachine):
    """The model: container number -> its attachment."""

    make_network: Callable[[], Network]

    def __init__(self) -> None:
        super().__init__()
        self.network = type(self).make_network()
        self.containers: list[Container] = [self.network.new_container() for _ in range(3)]
        self.attached: dict[int, Attachment] = {}
        # What the plugin keeps for the whole network is there before we look.
        self.network.delete(self.network.add(self.containers[0]))
        self.before = snapshot(self.network)

    @rule(number=CONTAINERS)
    def add(self, number: int) -> None:
        """ADD attaches with an address that nobody has, or is refused when it is attached already."""
        container = self.containers[number]
        if number in self.attached:
            require_refusal(self.network.try_add(container), "the container is attached")
            return
        attachment = self.network.add(container)
        if attachment.address in {other.address for other in self.attached.values()}:
            raise ClauseViolation("two containers have one address", actual=attachment.address)
        self.attached[number] = attachment

    @rule(number=CONTAINERS)
    def delete(self, number: int) -> None:
        """DEL always succeeds."""
        held = self.attached.pop(number, Attachment(self.containers[number], "eth0", {}))
        self.network.delete(held)

    @rule(number=CONTAINERS)
    def check(self, number: int) -> None:
        """CHECK passes for whoever is attached; the protocol does not ask it for others."""
        if number in self.attached:
            require_success(self.network.try_check(self.attached[number]))

    @invariant()
    def kernel_agrees(self) -> None:
        """Each container has its interface with its address, or none."""
        for number, container in enumerate(self.containers):
            links = container.namespace.links()
            actual = list(links["eth0"].addresses) if "eth0" in links else []
            expected = self.attached[number].addresses if number in self.attached else []
            if actual != expected:
                raise ClauseViolation("the kernel and the model disagree", expected=expected, actual=actual)

    def teardown(self) -> None:
        """Everybody leaves, and the host is as before."""
        for attachment in self.attached.values():
            self.network.delete(attachment)
        require_restored(self.network, self.before, "the sequence")


@pytest.mark.clause("cni.sequence.model-holds")
def test_attachments_in_any_order_of_calls_are_what_the_model_says(new_network: Callable[[], Network]) -> None:
    """A few seeded sequences of up to ten calls on three containers."""

    class Seeded(Attachments):
        make_network = staticmethod(new_network)

    few = settings(
        max_examples=4,
        stateful_step_count=10,
        deadline=None,
        database=None,
        print_blob=False,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Seeded, settings=few)
