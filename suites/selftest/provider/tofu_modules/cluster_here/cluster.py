"""What the module's local-exec runs: makes a local cluster under a name, ends it by that name."""

from __future__ import annotations

import sys
from pathlib import Path

from fixtures import lease as leases
from fixtures.clusters.local.provider import LocalProvider
from fixtures.clusters.provider import ClusterSpec
from fixtures.plugin import read_parts


def make(name: str, folder: str, parts: str) -> None:
    """The cluster outlives this process: it is tofu's to end."""
    run_dir = Path(folder)
    made = LocalProvider().create(ClusterSpec(name, read_parts(Path(parts)), run_dir, keep=True))
    (run_dir / "kubeconfig").write_text(made.kubeconfig.read_text())


def end(name: str) -> None:
    """Also one that was killed on its way up."""
    for held in leases.leases():
        if held.purpose == f"cluster {name}":
            left = [line for line in held.release() if line.startswith("left:")]
            if left:
                sys.exit("\n".join(left))


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(*sys.argv[2:])
    else:
        end(*sys.argv[2:])
