"""A Kubernetes namespace: what may run in it, and labels that say what does.

    ConfigMap seatrial-promoted    every digest of the release as a key, sha256.<hex>, for the admission policy
                                   (pipelines/targets/admission.yaml) to look up; and the release itself
    labels and annotations         on the namespace and, where one is named, on a Deployment

Digests of the release before stay allowed after a promotion, so that its pods can be made again while the next ones
are rolled out; after a rollback they do not.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import urllib3
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from kubernetes.config.config_exception import ConfigException

from pipelines.targets import RELEASE, Release, TargetError

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
        self._read_namespace(str(content["environment"]))
        if self.deployment:
            self._read_deployment()

    def release(self, release: Release) -> str:
        self._allow(release)
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

    def shown(self, environment: str) -> Mapping[str, str]:
        """The release and the digests that the ConfigMap lets in, and the marks. A Deployment that was made anew has
        no marks, which is nobody's change."""
        namespace, found = self._read_namespace(environment), self._config_map()
        data = (found.data or {}) if found is not None else {}
        parts = {
            RELEASE: data.get(RELEASE_KEY, ""),
            "digests that may run": _listed(set(data) - {RELEASE_KEY}),
            "marks of the namespace": _text_of_marks(namespace),
        }
        deployment = self._read_deployment() if self.deployment else None
        if deployment is not None and (marks := _text_of_marks(deployment)):
            parts[f"marks of the Deployment {self.deployment}"] = marks
        return parts

    def shows(self, release: Release) -> Mapping[str, str]:
        marks = _text(_marks(release)["metadata"])
        parts = {RELEASE: release.text, "digests that may run": _listed(_allowed(release))}
        return {**parts, "marks of the namespace": marks, f"marks of the Deployment {self.deployment}": marks}

    def _allow(self, release: Release) -> None:
        """Write the digests that may run, in place of those before."""
        before = self._config_map()
        data = {**_allowed(release), RELEASE_KEY: release.text}
        if before is not None and before.data == data:
            return
        body: dict[str, Any] = {
            "metadata": {"name": PROMOTED, "labels": {"app.kubernetes.io/managed-by": _MANAGER}},
            "data": data,
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

    def _read_namespace(self, environment: str) -> Any:
        """TargetError: it cannot be read, or is another environment's."""
        core = client.CoreV1Api(self.api)
        found = self._asked("the namespace", lambda: core.read_namespace(self.namespace, _request_timeout=_TIME_LIMIT))
        other = (found.metadata.labels or {}).get(f"{PREFIX}environment", environment)
        if other != environment:
            raise TargetError(f"the namespace {self.namespace} is the environment {other}'s")
        return found

    def _read_deployment(self) -> Any:
        apps = client.AppsV1Api(self.api)
        return self._asked(
            f"the Deployment {self.deployment}",
            lambda: apps.read_namespaced_deployment(self.deployment, self.namespace, _request_timeout=_TIME_LIMIT),
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


def _allowed(release: Release) -> dict[str, str]:
    """What may run: the release, and until it is rolled out the one before; after a rollback that one may not."""
    stays = release.before if "from" not in release.content else None
    return {**(_keys(stays) if stays else {}), **_keys(release.content)}


def _listed(keys: Iterable[str]) -> str:
    return "\n".join(sorted(keys))


def _text_of_marks(item: Any) -> str:
    """The marks on an object but its environment's name, which is there before the first promotion, too."""
    return _text({"labels": item.metadata.labels, "annotations": item.metadata.annotations})


def _text(metadata: Mapping[str, Mapping[str, str] | None]) -> str:
    kept = {
        kind: {key: text for key, text in (metadata[kind] or {}).items() if key.startswith(PREFIX)}
        for kind in ("labels", "annotations")
    }
    kept["labels"].pop(f"{PREFIX}environment", None)
    return json.dumps(kept, indent=1, sort_keys=True) if any(kept.values()) else ""


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
