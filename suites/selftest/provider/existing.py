"""A local cluster as somebody else's: accounts in it, and runs of the suites under them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from kubernetes import client
from kubernetes.utils import create_from_dict

from fixtures.clusters import rights
from fixtures.clusters.access import Access, find, merged
from fixtures.wait import wait_until

ROOT = Path(__file__).resolve().parents[3]
RESTRICTED = "restricted"
"""The namespace of the account with the least rights."""


def apply_rights(api: Any, namespace: str = RESTRICTED, standard: str = "baseline") -> None:
    """Make the account that `cluster rights` prints, and wait until its policy is in force."""
    for item in yaml.safe_load_all(rights.manifest(namespace, standard)):
        create_from_dict(api, item)


def kubeconfig_of(admin: Path, api: Any, namespace: str, account: str, folder: Path) -> Path:
    """A kubeconfig with a token of a service account."""
    asked = {"spec": {"expirationSeconds": 3600}}
    token = client.CoreV1Api(api).create_namespaced_service_account_token(account, namespace, asked).status.token
    known = merged([admin])
    content = {
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": known["clusters"][0]["cluster"]}],
        "users": [{"name": "c", "user": {"token": token}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}],
    }  # fmt: skip
    path = folder / f"{namespace}-{account}.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps(content))
    return path


def access_to(path: Path, user: str = "", groups: Sequence[str] = ()) -> Access:
    """Its current context."""
    return find([path], None, user, groups)


def command(module: str, *words: str) -> list[str]:
    """A command of ours."""
    return [sys.executable, "-m", module, *words]


def told(module: str, *words: str) -> tuple[int, str]:
    """Exit code and output of a command of ours."""
    done = subprocess.run(command(module, *words), cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    return done.returncode, done.stdout + done.stderr


def wait_until_policy_holds(access: Access) -> None:
    """The apiserver takes a moment to compile a policy; until then everything that roles allow passes."""

    def is_refused() -> bool:
        with access.connect() as api:
            try:
                client.CoreV1Api(api).create_namespace({"metadata": {"name": "other"}}, dry_run="All")
            except client.ApiException as error:
                return error.status in (403, 422)
        return False

    wait_until("the account's policy is in force", is_refused, 30)
