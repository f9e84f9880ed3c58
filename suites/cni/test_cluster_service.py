"""Services of a cluster: address, name, all endpoints, and the way back to oneself."""

from __future__ import annotations

from typing import Any

import pytest

from fixtures.clusters.workloads import Services
from fixtures.subjects.cni.pods import PORT, SETTLE, Talkers
from fixtures.wait import wait_until
from reports.model import ClauseViolation

pytestmark = pytest.mark.cluster


@pytest.fixture
def services(api: Any, namespace: str) -> Services:
    """The services of the test's namespace."""
    return Services(api, namespace)


@pytest.mark.clause("cni.cluster.service-address")
def test_service_address_leads_to_the_selected_pod(talkers: Talkers, services: Services) -> None:
    """Port 80 of the Service is port 8080 of the pod that it selects, and of no other."""
    caller, server, _other = talkers.start("caller", "server", "other")
    address = services.expose("web", {"app": "server"}, 80, PORT)
    talkers.require_reach(caller, address, 80, "(a Service)")
    names = talkers.ask(caller, address, "hostname", port=80, tries=10)
    if set(names) != {server.name}:
        raise ClauseViolation("the Service leads to somebody else", expected=[server.name], actual=sorted(set(names)))


@pytest.mark.clause("cni.cluster.service-endpoints-all")
def test_service_with_two_pods_uses_both(talkers: Talkers, services: Services) -> None:
    """Calls are spread: both names come up."""
    left, right = talkers.start("left", "right", role="server")
    (caller,) = talkers.start("caller")
    address = services.expose("web", {"role": "server"}, 80, PORT)
    talkers.require_reach(caller, address, 80, "(a Service)")
    seen: set[str] = set()

    def both() -> bool:
        seen.update(talkers.ask(caller, address, "hostname", port=80, tries=10))
        return seen == {left.name, right.name}

    wait_until("both pods behind the Service are called", both, SETTLE, interval=0.1)


@pytest.mark.clause("cni.cluster.service-name")
def test_service_name_resolves_from_a_pod(talkers: Talkers, services: Services) -> None:
    """By its short name, and with the namespace, and with svc; a name that nobody has does not resolve."""
    caller, _server = talkers.start("caller", "server")
    address = services.expose("web", {"app": "server"}, 80, PORT)
    talkers.require_reach(caller, address, 80, "(a Service)")
    namespace = talkers.pods.namespace
    for name in ("web", f"web.{namespace}", f"web.{namespace}.svc"):
        talkers.require_reach(caller, name, 80, "(a Service by name)")
    if talkers.reaches(caller, "nobody-has-this-name", 80):
        raise ClauseViolation("a name that nobody has resolves", expected="no such name", actual="a connection")


@pytest.mark.clause("cni.cluster.service-hairpin")
def test_service_called_by_its_own_pod_leads_back_to_it(talkers: Talkers, services: Services) -> None:
    """The Service's only pod calls the Service; a neighbour's call is the control."""
    server, neighbour = talkers.start("server", "neighbour")
    address = services.expose("web", {"app": "server"}, 80, PORT)
    talkers.require_reach(neighbour, address, 80, "(a Service)")
    talkers.require_reach(server, address, 80, "(the Service in front of itself)")
