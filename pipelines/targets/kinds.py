"""Which kinds of target there are, and how the command line's words become one."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping

from pipelines.configuration import Misconfigured
from pipelines.targets import Target, TargetError
from pipelines.targets.directory import Demonstration, Folder
from pipelines.targets.git import Checkout
from pipelines.targets.oci import Image
from pipelines.targets.registry import Repository
from reports.spelling import nearest

KINDS: Mapping[str, Callable[[argparse.Namespace], Target]] = {
    "demonstration": lambda given: Demonstration(given.deployments),
    "folder": lambda given: Folder(given.deployments),
    "oci": lambda given: Image(Repository(_named(given.repository, "--repository", "oci"))),
    "kubernetes": lambda given: _namespace(given),
    "git": lambda given: Checkout(given.deployments, given.git_remote),
}

OWN: Mapping[str, tuple[str, ...]] = {
    "git": ("git_remote",),
    "oci": ("repository",),
    "kubernetes": ("kubeconfig", "kube_context", "namespace", "deployment"),
}
"""Options of the command line that one kind alone uses."""


def chosen(given: argparse.Namespace) -> Target:
    """The target that the command line names. Misconfigured: there is none, something that it needs is missing, or
    something is given that it does not use."""
    if given.target not in KINDS:
        raise Misconfigured(
            [f"--target {given.target}: there is no such target. {nearest(given.target, tuple(KINDS))}"]
        )
    unused = [(name, kind) for kind, names in OWN.items() if kind != given.target for name in names]
    wrong = [(f"--{name.replace('_', '-')}", kind) for name, kind in unused if getattr(given, name)]
    if wrong:
        remedy = "Leave it out, or name that target."
        raise Misconfigured([f"{name} is for --target {kind}, not {given.target}. {remedy}" for name, kind in wrong])
    try:
        return KINDS[given.target](given)
    except TargetError as error:
        raise Misconfigured([f"--target {given.target}: {error}"]) from error


def _namespace(given: argparse.Namespace) -> Target:
    from pipelines.targets.cluster import Namespace, connect  # the API client's import takes a second

    name = _named(given.namespace, "--namespace", "kubernetes")
    return Namespace(connect(given.kubeconfig, given.kube_context), name, given.deployment)


def _named(value: str, option: str, kind: str) -> str:
    if not value:
        raise Misconfigured([f"--target {kind} needs {option}."])
    return value
