"""A project in Google Cloud, played on loopback: as much of Compute Engine and GKE as makes and removes clusters.

Google's own client speaks to it, and what is said both ways is checked with Google's discovery documents. Removal is an
operation that takes two looks; what something else refers to is refused; the nodes of a living cluster come back.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from fixtures.cloud.google_kinds import KINDS
from suites.selftest.cloud.google_wire import Call, document
from suites.selftest.cloud.serving import Answer, served

PROJECT = "seatrial-tests"
LINK = "https://www.googleapis.com/compute/v1/"
_TOKEN, _SUBJECT = "ya29.played", "told by the job's own issuer"
_SCHEMAS = {
    "forwardingRules": "ForwardingRule", "targetTcpProxies": "TargetTcpProxy", "backendServices": "BackendService",
    "healthChecks": "HealthCheck", "instanceGroupManagers": "InstanceGroupManager", "instances": "Instance",
    "instanceGroups": "InstanceGroup", "instanceTemplates": "InstanceTemplate", "disks": "Disk", "addresses": "Address",
    "firewalls": "Firewall", "routers": "Router", "subnetworks": "Subnetwork", "networks": "Network",
    "clusters": "Cluster",
}  # fmt: skip


def refusal(status: int, reason: str, message: str) -> Answer:
    """An error in Google's form."""
    told = {"code": status, "message": message, "errors": [{"reason": reason, "message": message}]}
    return status, {}, {"error": told}


class EmulatedGoogle:
    """things: by path, as projects/P/zones/Z/instances/N. goes_with: what vanishes with which cluster. faults: answers
    that are given once each in place of the right one, by a part of the method's id. wrong: what was said to it that
    Google does not know, or that would not work. page: how many things are on a page, of each kind."""

    def __init__(self) -> None:
        self.documents = {name: document(name) for name in ("compute", "container")}
        self.things: dict[str, dict[str, Any]] = {}
        self.goes_with: dict[str, str] = {}
        self.faults: list[tuple[str, Answer]] = []
        self.wrong: list[str] = []
        self.calls: list[str] = []
        self.page = 1
        self.address = ""
        self._operations: dict[str, tuple[str, int]] = {}

    def put(self, path: str, goes_with: str = "", **fields: Any) -> str:
        """Something is there from now on. Its path."""
        words = path.split("/")
        path = f"projects/{PROJECT}/{path}"
        is_cluster = words[-2] == "clusters"
        service = self.documents["container" if is_cluster else "compute"]
        own = {"location": words[-3]} if is_cluster else {"selfLink": f"{LINK}{path}"}
        thing = {"name": words[-1], **own, **fields}
        service.require_fields(_SCHEMAS[words[-2]], thing)
        self.things[path] = thing
        if goes_with:
            self.goes_with[path] = goes_with
        return path

    def answer(self, verb: str, url: str, token: str) -> Answer:
        """See Played.answer."""
        split = urlsplit(url)
        query = {key: values[-1] for key, values in parse_qs(split.query).items()}
        if token != f"Bearer {_TOKEN}":
            return refusal(401, "authError", "Request had invalid authentication credentials.")
        service = "compute" if split.path.startswith("/compute/") else "container"
        call = self.documents[service].call(verb, split.path, query)
        if call is None:
            self.wrong.append(f"{verb} {url}")
            return refusal(404, "notFound", "There is no such method.")
        self.calls.append(call.method)
        for fault in self.faults:
            if fault[0] in call.method:
                self.faults.remove(fault)
                return fault[1]
        status, headers, told = self._answer(call, split.path.removeprefix("/compute/v1/").removeprefix("/v1/"))
        if status == 200:
            self.documents[service].require_fields(call.answer, told)
        return status, headers, told

    def open(self, url: str, form: str) -> Answer:
        """See Played.open: Google's security token service."""
        if url == "/sts" and parse_qs(form)["subject_token"] == [_SUBJECT]:
            issued = "urn:ietf:params:oauth:token-type:access_token"
            told = {"access_token": _TOKEN, "issued_token_type": issued, "token_type": "Bearer", "expires_in": 3600}
            return 200, {}, told
        return 400, {}, {"error": "invalid_grant", "error_description": "The subject token is not taken."}

    def _answer(self, call: Call, path: str) -> Answer:
        kind, ending = call.method.split(".")[-2:]
        if kind.lower().endswith("operations"):
            return self._look(path)
        if ending == "delete":
            return self._delete(path)
        return self._clusters(path) if kind == "clusters" else self._list(call, kind, ending)

    def _list(self, call: Call, kind: str, ending: str) -> Answer:
        found = [path for path in sorted(self.things) if path.split("/")[-2] == kind]
        begin = int(call.query.get("pageToken", "0"))
        some, rest = found[begin : begin + self.page], found[begin + self.page :]
        more = {"nextPageToken": str(begin + self.page)} if rest else {}
        if ending == "list":
            return 200, {}, {"items": [self.things[path] for path in some], **more}
        # A place in which nothing is on this page is told with a warning, as Google does.
        places: dict[str, Any] = {"zones/nowhere1-a": {"warning": {"code": "NO_RESULTS_ON_PAGE"}}}
        for path in some:
            place = "/".join(path.split("/")[2:-2])
            places.setdefault(place, {}).setdefault(kind, []).append(self.things[path])
        return 200, {}, {"items": places, **more}

    def _clusters(self, path: str) -> Answer:
        assert path == f"projects/{PROJECT}/locations/-/clusters", path
        found = [thing for path, thing in sorted(self.things.items()) if path.split("/")[-2] == "clusters"]
        return 200, {}, {"clusters": found} if found else {}

    def _delete(self, path: str) -> Answer:
        cluster, _, pool = path.partition("/nodePools/")
        if cluster not in self.things or (pool and pool not in self.pools(cluster)):
            return refusal(404, "notFound", f"The resource '{path}' was not found")
        owner = self.goes_with.get(path, "")
        if owner in self.things and "/clusters/" in owner:
            self.wrong.append(f"{path} was deleted under its cluster, which makes it anew")
        if any(target == path for target, _ in self._operations.values()):
            return refusal(400, "resourceNotReady", f"The resource '{path}' is not ready")
        users = self._users(path)
        if users and path.split("/")[-2] != "networks":  # of a network the operation tells
            return refusal(400, "resourceInUseByAnotherResource", f"'{path}' is already being used by '{users[0]}'")
        name = f"operation-{len(self.calls)}"
        place = "/".join(path.split("/")[:4]) if "/global/" not in path else "/".join(path.split("/")[:3])
        self._operations[f"{place}/operations/{name}"] = (path, 2)
        return 200, {}, {"name": name, "status": "RUNNING"}

    def _look(self, path: str) -> Answer:
        if path not in self._operations:
            return refusal(404, "notFound", f"There is no operation {path}")
        target, looks = self._operations[path]
        if looks > 1:
            self._operations[path] = (target, looks - 1)
            return 200, {}, {"name": path.split("/")[-1], "status": "RUNNING"}
        del self._operations[path]
        users = self._users(target)
        if users:
            told = {"code": "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE", "message": f"{target} is used by {users[0]}"}
            return 200, {}, {"name": path.split("/")[-1], "status": "DONE", "error": {"errors": [told]}}
        cluster, _, pool = target.partition("/nodePools/")
        if pool:
            self.things[cluster]["nodePools"] = [
                one for one in self.things[cluster]["nodePools"] if one["name"] != pool
            ]
        for name in [target, *(name for name, cluster in self.goes_with.items() if cluster == target)]:
            self.things.pop(name, None)
        return 200, {}, {"name": path.split("/")[-1], "status": "DONE"}

    def pools(self, cluster: str) -> list[str]:
        """The names of a cluster's node pools."""
        return [pool["name"] for pool in self.things[cluster].get("nodePools", ())]

    def _users(self, path: str) -> list[str]:
        """Whatever else refers to it, and would be broken without it."""
        return [name for name, thing in self.things.items() if name != path and _refers(thing, path, "selfLink")]


def _refers(value: Any, path: str, but: str) -> bool:
    if isinstance(value, dict):
        return any(key != but and _refers(inner, path, but) for key, inner in value.items())
    if isinstance(value, list):
        return any(_refers(inner, path, but) for inner in value)
    return isinstance(value, str) and (value == path or value.endswith(f"/v1/{path}"))


@contextmanager
def emulated_google(folder: Path) -> Iterator[EmulatedGoogle]:
    """An empty one, with credentials in folder: a workload identity federation whose token service it plays, too."""
    pytest.importorskip("googleapiclient", reason="tox -e cloud installs Google's client")
    state = EmulatedGoogle()
    with served(state), pytest.MonkeyPatch.context() as patch:
        for name, value in _environment(state.address, folder).items():
            patch.setenv(name, value)
        yield state


def _environment(address: str, folder: Path) -> dict[str, str]:
    """What a job with a federated identity has."""
    subject, config = folder / "subject-token", folder / "credentials.json"
    subject.write_text(_SUBJECT)
    config.write_text(json.dumps({
        "type": "external_account", "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/j",
        "token_url": f"{address}/sts", "credential_source": {"file": str(subject)},
    }))  # fmt: skip
    return {
        "GOOGLE_APPLICATION_CREDENTIALS": str(config), "GOOGLE_CLOUD_PROJECT": PROJECT, "NO_GCE_CHECK": "true",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_COMPUTE": f"{address}/compute/v1/",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_CONTAINER": f"{address}/", "CLOUDSDK_CONFIG": str(folder / "none"),
        "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1",
    }  # fmt: skip


assert set(_SCHEMAS) | {"nodePools"} == set(KINDS)
