"""What our module aks and our template azure leave in a subscription, as they, AKS and CAPZ name and tag it."""

from __future__ import annotations

from collections.abc import Mapping

from fixtures.clusters.tofu.policy import LEASE
from suites.selftest.cloud.emulated_azure import EmulatedAzure

CLUSTERS, NETWORKS = "Microsoft.ContainerService/managedClusters", "Microsoft.Network/virtualNetworks"
SETS, VOLUMES, MACHINES = (
    f"Microsoft.Compute/{kind}" for kind in ("virtualMachineScaleSets", "disks", "virtualMachines")
)
INTERFACES, GROUPS = "Microsoft.Network/networkInterfaces", "Microsoft.Network/networkSecurityGroups"


def aks(azure: EmulatedAzure, marks: Mapping[str, str]) -> list[str]:
    """A cluster from the module, and the group that AKS makes for its nodes. Ids of what carries tags."""
    name, tags = marks[LEASE], dict(marks)
    group = azure.group(name, tags)
    cluster = azure.put(group, CLUSTERS, name, tags)
    nodes = azure.group(f"{name}-nodes", tags, managed_by=cluster)
    network = azure.put(nodes, NETWORKS, "aks-vnet-1", tags)
    azure.put(nodes, GROUPS, "aks-agentpool-1-nsg")
    return [group, cluster, nodes, network, azure.put(nodes, SETS, "aks-nodes-1-vmss", tags, network)]


def capz(azure: EmulatedAzure, marks: Mapping[str, str]) -> list[str]:
    """A cluster from the template. Ids of what carries tags: disks of machines do not."""
    name, tags = f"staging-{marks[LEASE]}", dict(marks)
    group = azure.group(name, tags)
    network = azure.put(group, NETWORKS, f"{name}-vnet", tags)
    interface = azure.put(group, INTERFACES, f"{name}-a1-nic", tags, network)
    disk = azure.put(group, VOLUMES, f"{name}-a1_OSDisk")
    return [group, network, interface, azure.put(group, MACHINES, f"{name}-a1", tags, interface, disk)]
