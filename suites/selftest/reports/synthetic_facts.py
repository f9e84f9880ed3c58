"""The facts of the synthetic run: components, clauses, outcomes and texts. Data only."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from reports.model import Verdict

VERDICTS = {verdict.value: verdict for verdict in Verdict}
CATALOGUE = "9d1f0c54b7a2e86f31d7a5c0e2b94f6688aa01b3c7d5e9f2146b80d3ace57f10"

SOURCES = {
    "csi": "https://github.com/container-storage-interface/spec/blob/v1.12.0/spec.md",
    "cni": "https://www.cni.dev/docs/spec/",
    "cri": "https://github.com/kubernetes/cri-api/tree/v0.37.2",
    "gpu": "https://kubernetes.io/docs/concepts/extend-kubernetes/compute-storage-net/device-plugins/",
}

# component, version, source, identity, files
PARTS: list[tuple[str, str, str, str, list[str]]] = [
    ("containerd", "2.4.2", "go-module", "h1:m8OZXxYkAvtqM7kjcCbKLJHN9WJ3wFhC7T1bYbM0N2g=",
     ["containerd", "containerd-shim-runc-v2", "ctr"]),
    ("runc", "1.5.2", "go-module", "h1:Zl1cG0kUu3h0L7gWlEDm9TgcNnIe5vFQ9v6l0k7sHhQ=", ["runc"]),
    ("cni-plugins", "1.9.1", "go-module", "h1:8OhyaAU1nHtBoEwXT0zO0E6bQ0hX4k1mFf8yqYJr8aY=",
     ["bridge", "host-local", "loopback", "portmap", "ptp", "bandwidth", "firewall", "tuning"]),
    ("etcd", "3.7.3", "go-module", "h1:4mUfHh8t9bWd0kUuHq6R2K5h6o3pR7Kxw1hZyJb6d5o=", ["etcd"]),
    ("kubernetes", "1.37.2", "go-module", "h1:uN1o3cR0T7qJd0y5n4hXz2pQ8m7wYk6bV9sL3fGe1tA=",
     ["kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "agnhost", "pause"]),
    ("coredns", "1.15.0", "go-module", "h1:Qm9x2KkS0o4Jd8vY1nL7tHc3pW5zRb6uFgE0aXsT2yI=", ["coredns"]),
    ("kube-router", "2.10.0", "go-module", "h1:T5r8vB1nM2kLx0Qe7yWc4pZs9uHj3gFd6oA5iKtR1sY=", ["kube-router"]),
    ("csi-driver", "0.1.0", "builtin", "sha256:0f8fd2a1b7c35d0b9c1de41c30a9be78", ["reference"]),
    ("gpu-device-plugin", "0.1.0", "builtin", "sha256:5bd1170cc2e64f11a24b99ae4270cbd1", ["reference"]),
]  # fmt: skip

# id, level, layer, section, obligation, uncovered
CLAUSES: list[list[str]] = tomllib.loads(Path(__file__).with_name("synthetic_clauses.toml").read_text())["clauses"]

STANDINGS = {
    "cni.check.detects-missing-route": "waived",
    "cri.seccomp.default-profile-applies": "could-not-run",
    "gpu.preferred.is-subset": "not-applicable",
    "cni.network-policy.denies-then-allows": "fail",
    "cri.pod.memory-limit-kills": "missing",
}

TEXTS: dict[str, dict[str, Any]] = {
    "cni.network-policy.denies-then-allows": {
        "summary": "traffic stays blocked 30 s after the deny policy was removed",
        "expected": "TCP 10.244.1.7:8080 answers within 10 s of the policy's removal",
        "actual": "connect: timed out (31 attempts over 30.2 s)\nipset KUBE-DST-3X5NCI: still lists 10.244.1.7",
        "question": "Does the controller rebuild its ipsets when the last policy of a namespace is deleted?",
        "text": (
            "policy deny-all created 20:15:58.114, enforced 20:15:58.902\n"
            "policy deny-all deleted 20:16:03.530\n"
            "waited for: pod client reaches 10.244.1.7:8080; limit 30 s; last seen: timed out\n"
            "iptables-save on node n1 (lines of the pod's chain):\n"
            '-A KUBE-POD-FW-7QK2 -m comment --comment "default deny" -j REJECT --reject-with icmp-port-unreachable'
        ),
        "evidence": [
            {"name": "iptables-n1.txt", "path": "evidence/network-policy/iptables-n1.txt", "sha256": ""},
            {"name": "kube-router-n1.log", "path": "evidence/network-policy/kube-router-n1.log", "sha256": ""},
        ],
    },
    "cni.check.detects-missing-route": {
        "summary": "CHECK succeeds although the default route of the result is gone",
        "expected": "a non-zero exit and an error object with code >= 100",
        "actual": "exit 0, no output",
        "question": "Does the plugin compare the routes of prevResult with those in the namespace?",
        "text": "ip route del default in the namespace, then CHECK with the ADD result as prevResult",
    },
    "cri.seccomp.default-profile-applies": {
        "summary": "this kernel is built without CONFIG_SECCOMP_FILTER: /proc/self/status has no Seccomp_filters line",
    },
    "gpu.preferred.is-subset": {
        "summary": "the plugin's options do not declare GetPreferredAllocationAvailable",
    },
}

EVIDENCE = {
    "staging/evidence/network-policy/iptables-n1.txt": "*filter\n-A KUBE-POD-FW-7QK2 -j REJECT\n",
    "staging/evidence/network-policy/kube-router-n1.log": "\n".join(
        f"I1123 20:16:{n % 60:02d}.114 policy_controller.go:{200 + n}] sync {n} done in 12.4ms" for n in range(220)
    ),
}

REASONS = [
    (
        "required clause cni.network-policy.denies-then-allows failed: traffic stays blocked 30 s after its removal",
        "cni.network-policy.denies-then-allows",
        "Repair kube-router 2.10.0 and put its new digest into the candidate, or waive this clause in waivers.toml.",
    ),
    (
        "required clause cri.pod.memory-limit-kills has no result: the run ended before its test reported",
        "cri.pod.memory-limit-kills",
        "Run the stage again: python -m pipelines run --stage staging.",
    ),
]

HEADER: dict[str, Any] = {
    "seed": 20261123,
    "suites": ["csi", "cni", "cri", "gpu"],
    "subjects": {
        "csi": "reference driver",
        "cni": "bridge 1.9.1",
        "cri": "containerd 2.4.2",
        "gpu": "reference plugin",
    },
    "environment": {"kernel": "6.8.0-48-generic", "cgroup": "v2", "cpus": 2},
    "command": [".venv/bin/pytest", "suites", "--seed", "20261123"],
    "seatrial": "0.1.0",
}

RUN: dict[str, Any] = {
    "finished": "2026-11-23T20:17:02Z",
    "profile": "quick",
    "pipeline": "default",
    "provider": "local",
    "nodes": 2,
    "seed": 20261123,
    "command": ["python", "-m", "pipelines", "run", "--seed", "20261123"],
    "seatrial": {"version": "0.1.0", "commit": "c1c02ee5d0f14b7aa3ef0c6a6a6b1d29c2f8f0aa"},
    "catalogue": CATALOGUE,
    "machine": {
        "distribution": "Debian GNU/Linux 12",
        "kernel": "6.8.0-48-generic",
        "architecture": "amd64",
        "cpus": 2,
        "memory": "7.8 GiB",
        "cgroup": "v2",
        "python": "3.11.7",
        "go": "1.26.8",
    },
    "departures": [
        "Nodes are namespaces on one kernel, not machines: the reboot of one node cannot be tried.",
        "The kubelet runs with the feature gate KubeletInUserNamespace.",
        "GPUs are simulated by the reference device plugin; no NVIDIA driver is involved.",
    ],
    "stages": [
        {"name": "dev", "title": "Components alone, over their sockets", "suites": ["csi", "cni", "cri", "gpu"]},
        {
            "name": "staging",
            "title": "The whole platform in an ephemeral cluster",
            "suites": ["csi", "cni", "cri", "gpu"],
        },
        {"name": "production", "title": "Sign-off", "suites": []},
    ],
    "waivers": [
        {
            "id": "W-7",
            "clause": "cni.check.detects-missing-route",
            "component": "cni-plugins",
            "version": "1.9.1",
            "owner": "Ines Okafor, network",
            "reason": "Nothing in this platform calls CHECK; containerd 2.4 does not.",
            "link": "https://example.org/issues/1042",
            "expires": "2027-02-01",
        },
    ],
    "deviations": [
        {
            "component": "cni-plugins",
            "version": "1.9.1",
            "clause": "cni.check.detects-missing-route",
            "summary": "bridge compares addresses but not routes on CHECK.",
            "link": "https://example.org/plugins/77",
        },
    ],
    "not_in_profile": [
        {"what": "CSI sequences by hypothesis beyond 20 steps", "reason": "profile full only"},
        {"what": "kubectl", "reason": "not built in profile quick"},
    ],
    "untested": [{"what": "Upgrade from the previous release", "reason": "the candidate names no predecessor"}],
    "timings": {"provisioning": 9.4, "cluster ready": 6.8, "dev": 41.2, "staging": 88.6, "teardown": 1.3},
}
