"""A Kubernetes namespace: what may run in it, and labels that say what does.

    ConfigMap seatrial-promoted    every digest of the release as a key, sha256.<hex>, for the admission policy
                                   (pipelines/targets/admission.yaml) to look up; and the release itself
    labels and annotations         on the namespace and, where one is named, on a Deployment

Digests of the release before stay allowed after a promotion, so that its pods can be made again while the next ones
are rolled out; after a rollback they do not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import urllib3
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from kubernetes.config.config_exception import ConfigException

from pipelines.targets import Release, TargetError
from pipelines.targets.directory import text_of

PROMOTED = "seatrial-promoted"
RELEASE_KEY = "release.json"
PREFIX = "seatrial/"
_MANAGER = "seatrial"
_TIME_LIMIT = 30.0  # seconds for one answer


def connect(kubeconfig: str = "", context: str = "") -> Any:
    """An API client of a kubeconfig file (default: the user's). TargetError: it cannot be read."""
    try:
        return config.new_client_from_config(config_file=kubeconfig or None, context=context or None)
    except (ConfigException, OSError) as error:
        raise TargetError(f"{kubeconfig or 'kubeconfig'}: {error}") from error


@dataclass(frozen=True)
class Namespace:
    """One namespace, which is one environment's. deployment: also labelled, if named."""

    api: Any  # kubernetes.client.ApiClient, which comes without types
    namespace: str
    deployment: str = ""
    name: str = "kubernetes"
    needs_trust: bool = True

    @property
    def place(self) -> str:
        return f"kubernetes {self.namespace}" + (f"/{self.deployment}" if self.deployment else "")

    def check(self, content: Mapping[str, Any]) -> None:
        core = client.CoreV1Api(self.api)
        found = self._asked("the namespace", lambda: core.read_namespace(self.namespace, _request_timeout=_TIME_LIMIT))
        other = (found.metadata.labels or {}).get(f"{PREFIX}environment", content["environment"])
        if other != content["environment"]:
            raise TargetError(f"the namespace {self.namespace} is the environment {other}'s")
        if self.deployment:
            apps = client.AppsV1Api(self.api)
            self._asked(
                f"the Deployment {self.deployment}",
                lambda: apps.read_namespaced_deployment(self.deployment, self.namespace, _request_timeout=_TIME_LIMIT),
            )

    def release(self, release: Release) -> str:
        before = self._config_map()
        self._allow(release, before)
        marks = _marks(release)
        core, apps = client.CoreV1Api(self.api), client.AppsV1Api(self.api)
        self._asked(
            "labelling the namespace",
            lambda: core.patch_namespace(self.namespace, marks, _request_timeout=_TIME_LIMIT),
        )
        if self.deployment:
            self._asked(
                f"labelling the Deployment {self.deployment}",
                lambda: apps.patch_namespaced_deployment(
                    self.deployment, self.namespace, marks, _request_timeout=_TIME_LIMIT
                ),
            )
        return f"{self.place} (ConfigMap {PROMOTED})"

    def current(self, environment: str) -> Mapping[str, Any] | None:
        found = self._config_map()
        if found is None:
            return None
        content = _content(found)
        if content is None:
            raise TargetError(f"the ConfigMap {PROMOTED} in {self.namespace} is not what a promotion writes")
        if content["environment"] != environment:
            raise TargetError(f"the namespace {self.namespace} is the environment {content['environment']}'s")
        return content

    def _allow(self, release: Release, before: Any) -> None:
        """Write the digests that may run, in place of those before."""
        text = text_of(release.content)
        allowed = _keys(release.content)
        replaced = _content(before) if before is not None else None
        if replaced is not None and text_of(replaced) == text:
            return
        if replaced is not None and "from" not in release.content:
            allowed = {**_keys(replaced), **allowed}
        body: dict[str, Any] = {
            "metadata": {"name": PROMOTED, "labels": {"app.kubernetes.io/managed-by": _MANAGER}},
            "data": {**allowed, RELEASE_KEY: text},
        }
        core = client.CoreV1Api(self.api)
        if before is None:
            self._asked(
                "writing the ConfigMap",
                lambda: core.create_namespaced_config_map(self.namespace, body, _request_timeout=_TIME_LIMIT),
            )
            return
        # The version that was read: somebody who wrote in between is not overwritten.
        body["metadata"]["resourceVersion"] = before.metadata.resource_version
        self._asked(
            "writing the ConfigMap",
            lambda: core.replace_namespaced_config_map(PROMOTED, self.namespace, body, _request_timeout=_TIME_LIMIT),
        )

    def _config_map(self) -> Any:
        core = client.CoreV1Api(self.api)
        try:
            return core.read_namespaced_config_map(PROMOTED, self.namespace, _request_timeout=_TIME_LIMIT)
        except ApiException as error:
            if error.status == 404:
                return None
            raise TargetError(f"{self.place}: reading the ConfigMap: {_said(error)}") from error
        except urllib3.exceptions.HTTPError as error:
            raise TargetError(f"{self.place}: reading the ConfigMap: {type(error).__name__}") from error

    def _asked(self, what: str, ask: Any) -> Any:
        try:
            return ask()
        except ApiException as error:
            raise TargetError(f"{self.place}: {what}: {_said(error)}") from error
        except urllib3.exceptions.HTTPError as error:
            raise TargetError(f"{self.place}: {what}: {type(error).__name__}") from error


def _keys(content: Mapping[str, Any]) -> dict[str, str]:
    """A ConfigMap's keys (they hold no colon) for every digest of a release, each with the name of what has it."""
    named = {**content["digests"], **content["images"], **dict.fromkeys(content["released"], "released")}
    pairs = ((value, name) if value.startswith("sha256:") else (name, value) for name, value in named.items())
    return {digest.replace(":", "."): name for digest, name in pairs}


def _content(found: Any) -> dict[str, Any] | None:
    try:
        content = json.loads((found.data or {})[RELEASE_KEY])
        return content if {"environment", "digests", "images", "released"} <= set(content) else None
    except (KeyError, ValueError, TypeError):
        return None


def _marks(release: Release) -> dict[str, Any]:
    ledger = release.content["ledger"]
    labels = {"environment": release.environment, "candidate": release.candidate[:40]}  # a label has 63 letters at most
    annotations = {
        "candidate": f"sha256:{release.candidate}",
        "run": str(release.content["signoff"]["run"]),
        "ledger": f"{ledger['sequence']}:{ledger['hash']}",
        "by": str(release.content["by"]),
    }
    return {
        "metadata": {
            "labels": {PREFIX + key: value for key, value in labels.items()},
            "annotations": {PREFIX + key: value for key, value in annotations.items()},
        }
    }


def _said(error: ApiException) -> str:
    try:
        return str(json.loads(error.body)["message"])
    except (ValueError, KeyError, TypeError):
        return f"{error.status} {error.reason}"
