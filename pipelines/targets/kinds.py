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


def chosen(given: argparse.Namespace) -> Target:
    """The target that the command line names. Misconfigured: there is none, or something that it needs is missing."""
    if given.target not in KINDS:
        raise Misconfigured(
            [f"--target {given.target}: there is no such target. {nearest(given.target, tuple(KINDS))}"]
        )
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
