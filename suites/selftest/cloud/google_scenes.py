"""What our module gke and our template gcp leave in a project, as they, GKE and CAPG v1.13 name and label it."""

from __future__ import annotations

from collections.abc import Mapping

from fixtures.clusters.tofu.policy import LEASE
from suites.selftest.cloud.emulated_google import LINK, EmulatedGoogle

REGION, ZONE = "europe-west1", "europe-west1-b"


def link(path: str) -> str:
    """As one thing names another."""
    return f"{LINK}{path}"


def gke(google: EmulatedGoogle, marks: Mapping[str, str]) -> list[str]:
    """A cluster from the module, with what GKE makes for it. Paths: what the module makes, then GKE's own things."""
    name, labels = marks[LEASE], dict(marks)
    told = " ".join(f"{key}={value}" for key, value in marks.items())
    network = google.put(f"global/networks/{name}", description=told)
    subnetwork = google.put(f"regions/{REGION}/subnetworks/{name}", description=told, network=link(network))
    router = google.put(f"regions/{REGION}/routers/{name}", description=told, network=link(network))
    cluster = google.put(
        f"locations/{ZONE}/clusters/{name}", resourceLabels=labels,
        networkConfig={"network": network, "subnetwork": subnetwork},
        nodePools=[{"name": "nodes", "config": {"resourceLabels": labels}}],
    )  # fmt: skip
    pool = f"gke-{name}-nodes-1a2b3c4d"
    interface = [{"network": link(network), "subnetwork": link(subnetwork)}]
    template = google.put(
        f"global/instanceTemplates/{pool}", cluster, properties={"labels": labels, "networkInterfaces": interface}
    )
    group = google.put(f"zones/{ZONE}/instanceGroups/{pool}-grp", cluster, network=link(network))
    manager = google.put(
        f"zones/{ZONE}/instanceGroupManagers/{pool}-grp", cluster,
        instanceTemplate=link(template), instanceGroup=link(group),
    )  # fmt: skip
    disk = google.put(f"zones/{ZONE}/disks/{pool}-x1y2", cluster, labels=labels)
    node = google.put(
        f"zones/{ZONE}/instances/{pool}-x1y2", cluster, labels=labels, networkInterfaces=interface,
        disks=[{"source": link(disk), "autoDelete": True}],
    )  # fmt: skip
    firewall = google.put(f"global/firewalls/gke-{name}-1a2b3c4d-all", cluster, network=link(network))
    return [network, subnetwork, router, cluster, template, group, manager, disk, node, firewall]


def capg(google: EmulatedGoogle, marks: Mapping[str, str], name: str = "") -> list[str]:
    """A cluster from the template, on a network that was not there before. name: of the cluster; with the lease in it,
    as our provider names it, where nothing is given."""
    cluster, labels = name or f"staging-{marks[LEASE]}", dict(marks)
    owned = f"capg-cluster-{cluster}"
    network = google.put(f"global/networks/{cluster[:9]}-net", description=owned, autoCreateSubnetworks=True)
    router = google.put(f"regions/{REGION}/routers/{cluster[:9]}-net-router", description=owned, network=link(network))
    firewalls = [
        google.put(f"global/firewalls/allow-{cluster}-{end}", network=link(network))
        for end in ("healthchecks", "cluster")
    ]
    machines = []
    for role in ("control-plane-a1b2c", "workers-d3e4f-g5h6i"):
        machine = f"zones/{ZONE}/instances/{cluster}-{role}"
        disk = google.put(f"zones/{ZONE}/disks/{cluster}-{role}", f"projects/seatrial-tests/{machine}", labels=labels)
        machines += [disk, google.put(
            machine, labels={**labels, owned: "owned"}, networkInterfaces=[{"network": link(network)}],
            disks=[{"source": link(disk), "autoDelete": True}],
        )]  # fmt: skip
    server = f"{cluster}-apiserver"
    group = google.put(f"zones/{ZONE}/instanceGroups/{server}-{ZONE}", network=link(network))
    check = google.put(f"global/healthChecks/{server}")
    backend = google.put(
        f"global/backendServices/{server}", backends=[{"group": link(group)}], healthChecks=[link(check)]
    )
    proxy = google.put(f"global/targetTcpProxies/{server}", service=link(backend))
    address = google.put(f"global/addresses/{server}", address="203.0.113.7")
    rule = google.put(f"global/forwardingRules/{server}", labels=labels, target=link(proxy), IPAddress=link(address))
    return [network, router, *firewalls, *machines, group, check, backend, proxy, address, rule]
