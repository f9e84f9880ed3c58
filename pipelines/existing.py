"""cluster plan and cluster rights: what a run would do in a cluster that exists, and what it needs for that."""

from __future__ import annotations

import argparse

from pipelines import ground
from reports.model import Verdict


def cluster(given: argparse.Namespace) -> int:
    """Plan: 0 a run could begin, 2 a right is missing. Rights: print the manifest."""
    if given.action == "rights":
        print(ground.rights_manifest(given.namespace, given.pod_security), end="")
        return 0
    if given.cluster_file:
        found = ground.preview_file(given.cluster_file)
    else:
        found = ground.preview_cluster(reach(given), given.pod_security)
    print(found.text())
    return Verdict.INCONCLUSIVE.exit_code if found.missing else 0


def reach(given: argparse.Namespace) -> ground.Reach:
    """Where the options lead, and as whom."""
    return ground.Reach(given.kubeconfig, given.kube_context, given.as_user, tuple(given.as_group))
