"""Delegation: how the first plugin calls its address management, seen by a delegate of ours that writes it down."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fixtures.lease import Lease
from fixtures.subjects.cni import delegate
from fixtures.subjects.cni.delegate import Recording, recordings
from fixtures.subjects.cni.execution import encode
from fixtures.subjects.cni.network import Attachment, Configuration, Container, Network, require_refusal
from reports.model import ClauseViolation


@pytest.fixture
def notebook(lease: Lease, container: Container) -> Path:
    """The folder that the delegate writes into."""
    return lease.folder(f"cni-delegate/{container.id}")


@pytest.fixture
def delegating(network: Network, notebook: Path) -> Callable[..., Network]:
    """Makes the network with only its first plugin, our delegate below it; arguments: commands it refuses."""
    network.ipam()

    def make(*fails: str) -> Network:
        def change(configuration: Configuration) -> None:
            first = {**configuration["plugins"][0], "ipam": delegate.section(notebook, *fails)}
            first["seatrial"] = {"unknown": ["key"]}
            configuration["plugins"] = [first]

        return network.altered(change)

    return make


def require_recorded(notebook: Path, command: str) -> Recording:
    """The delegate's first call of that command. ClauseViolation: it was never called with it."""
    seen = recordings(notebook)
    for recording in seen:
        if recording.command == command:
            return recording
    raise ClauseViolation(
        f"{command} is not passed on to the delegate",
        expected=f"a {command} call",
        actual=[recording.command for recording in seen] or "no call",
        question=f"Is {command} implemented at all? A skeleton may answer with success on its own.",
    )


@pytest.mark.clause("cni.delegation.complete-configuration")
def test_delegate_on_add_receives_the_complete_configuration(
    delegating: Callable[..., Network], notebook: Path, container: Container
) -> None:
    """Not just the ipam section: every key that the upper plugin received, unknown ones too."""
    network = delegating()
    network.add(container)
    expected, actual = network.request(network.plugins[0]), require_recorded(notebook, "ADD").config
    if actual != expected:
        raise ClauseViolation(
            "the delegate's configuration is not the upper plugin's", expected=expected, actual=actual
        )


@pytest.mark.clause("cni.delegation.same-environment")
def test_delegate_on_add_receives_the_same_environment(
    delegating: Callable[..., Network], notebook: Path, container: Container
) -> None:
    """All CNI_ variables of the upper plugin, CNI_ARGS and CNI_PATH included."""
    network = delegating()
    plugin = network.plugins[0]
    parameters = network.parameters("ADD", container, "eth0", args="IgnoreUnknown=1;COLOUR=blue")
    network.executor.execute(plugin["type"], parameters, encode(network.request(plugin)))
    actual = dict(require_recorded(notebook, "ADD").environment)
    if actual != parameters:
        raise ClauseViolation(
            "the delegate's environment is not the upper plugin's", expected=parameters, actual=actual
        )


@pytest.mark.clause("cni.delegation.result-applied")
def test_delegate_address_and_routes_are_applied(delegating: Callable[..., Network], container: Container) -> None:
    """What the delegate answered is in the kernel: address and route."""
    delegating().add(container)
    addresses = container.namespace.links()["eth0"].addresses
    if addresses != ("10.99.0.2/24",) or ("10.123.0.0/16", "10.99.0.1") not in container.namespace.routes():
        raise ClauseViolation(
            "the delegate's answer is not applied",
            expected="10.99.0.2/24 and a route to 10.123.0.0/16 via 10.99.0.1",
            actual=f"{addresses}, {container.namespace.routes()}",
        )


@pytest.mark.clause("cni.delegation.del-forwarded")
def test_delegate_on_del_is_called(delegating: Callable[..., Network], notebook: Path, container: Container) -> None:
    """DEL of the upper plugin runs DEL of the delegate."""
    network = delegating()
    network.delete(network.add(container))
    require_recorded(notebook, "DEL")


@pytest.mark.clause("cni.delegation.check-forwarded")
def test_delegate_on_check_is_called(delegating: Callable[..., Network], notebook: Path, container: Container) -> None:
    """CHECK of the upper plugin runs CHECK of the delegate."""
    network = delegating()
    network.try_check(network.add(container))
    require_recorded(notebook, "CHECK")


@pytest.mark.clause("cni.delegation.gc-forwarded")
def test_delegate_on_gc_is_called(delegating: Callable[..., Network], notebook: Path, container: Container) -> None:
    """GC of the upper plugin runs GC of the delegate."""
    network = delegating()
    network.collect_garbage([network.add(container)])
    require_recorded(notebook, "GC")


@pytest.mark.clause("cni.delegation.status-forwarded")
def test_delegate_on_status_is_called(delegating: Callable[..., Network], notebook: Path) -> None:
    """STATUS of the upper plugin runs STATUS of the delegate."""
    delegating().status()
    require_recorded(notebook, "STATUS")


@pytest.mark.clause("cni.delegation.status-error-passed-on")
def test_delegate_refusing_status_makes_the_plugin_unready(delegating: Callable[..., Network]) -> None:
    """A plugin whose delegate is not ready is not ready."""
    require_refusal(delegating("STATUS").status(), "its delegate is not ready")


@pytest.mark.clause("cni.delegation.errors-passed-on")
@pytest.mark.parametrize("command", ["ADD", "CHECK", "DEL"])
def test_delegate_refusing_a_command_makes_the_plugin_refuse(
    delegating: Callable[..., Network], container: Container, command: str
) -> None:
    """The delegate's error is the caller's."""
    network = delegating(command)
    if command == "ADD":
        reply = network.try_add(container)
    elif command == "CHECK":
        reply = network.try_check(delegating().add(container))
    else:
        reply = network.try_delete(delegating().add(container))
    require_refusal(reply, f"its delegate refuses {command}")


@pytest.mark.clause("cni.delegation.add-failure-undone")
def test_delegate_refusing_add_is_called_again_with_del(
    delegating: Callable[..., Network], notebook: Path, container: Container
) -> None:
    """Before the upper plugin returns the failure it gives the delegate a DEL to undo what it may have begun."""
    network = delegating("ADD")
    require_refusal(network.try_add(container), "its delegate refuses ADD")
    require_recorded(notebook, "DEL")


@pytest.mark.clause("cni.delegation.missing-delegate-refused")
def test_delegate_that_is_not_installed_makes_add_fail(network: Network, container: Container) -> None:
    """The ipam type names no executable in CNI_PATH."""
    network.ipam()
    other = network.altered(lambda configuration: configuration["plugins"][0].update(ipam={"type": "not-installed"}))
    require_refusal(other.try_add(container), "its delegate is not installed")


@pytest.mark.clause("cni.delegation.del-without-interface-forwarded")
def test_delegate_on_del_of_a_vanished_namespace_is_called(
    delegating: Callable[..., Network], notebook: Path, container: Container
) -> None:
    """The address must be given back even if there is no namespace any more."""
    network = delegating()
    attachment: Attachment = network.add(container)
    container.namespace.delete()
    network.try_delete(attachment)
    require_recorded(notebook, "DEL")
