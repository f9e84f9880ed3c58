"""A subscription in Azure, played on loopback with TLS: as much of Resource Manager as makes and removes clusters.

Azure's own clients speak to it. Forms of requests, answers and errors are those of the REST reference of Resource
Manager (2025-04-01) and of its asynchronous operations: https://learn.microsoft.com/rest/api/resources
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from suites.selftest.cloud.serving import Answer, served, trusted

SUBSCRIPTION = "00000000-0000-4000-8000-000000000001"
TENANT, CLIENT = "00000000-0000-4000-8000-000000000002", "00000000-0000-4000-8000-000000000003"
ROOT = f"/subscriptions/{SUBSCRIPTION}"
_ASSERTION, _TOKEN, _VERSION = "told by the job's own issuer", "played", "2024-11-01"


def refusal(status: int, code: str, message: str) -> Answer:
    """An error in Azure's form; a busy one may be asked again at once."""
    return status, {"Retry-After": "0"} if status == 429 else {}, {"error": {"code": code, "message": message}}


class EmulatedAzure:
    """groups, things: by id in lower case, since Azure does not tell case. references: what a thing needs. makes: the
    group that goes with a cluster. locks: ids that may not be removed. faults: answers that are given once each in
    place of the right one, by a part of `METHOD path`. wrong: what was said to it that Azure would not take."""

    def __init__(self) -> None:
        self.address = ""
        self.groups: dict[str, dict[str, Any]] = {}
        self.things: dict[str, dict[str, Any]] = {}
        self.references: dict[str, list[str]] = {}
        self.makes: dict[str, str] = {}
        self.locks: set[str] = set()
        self.faults: list[tuple[str, Answer]] = []
        self.wrong: list[str] = []
        self.calls: list[str] = []
        self.page = 2
        self._operations: dict[str, tuple[str, int]] = {}

    def group(self, name: str, tags: dict[str, str] | None, managed_by: str = "") -> str:
        """A resource group is there from now on. Its id."""
        path = f"{ROOT}/resourceGroups/{name}"
        more = {"managedBy": managed_by} if managed_by else {}
        self.groups[path.lower()] = {"id": path, "name": name, "location": "westeurope", "tags": tags or {}, **more}
        if managed_by:
            self.makes[managed_by.lower()] = path.lower()
        return path

    def put(
        self, group: str, kind: str, name: str, tags: dict[str, str] | None = None, *needs: str, **more: str
    ) -> str:
        """A thing is there from now on; it needs others. Its id."""
        assert group.lower() in self.groups
        path = f"{group}/providers/{kind}/{name}"
        told = {"id": path, "name": name, "type": kind, "location": "westeurope", **more}
        self.things[path.lower()] = {**told, "tags": tags} if tags is not None else told
        self.references[path.lower()] = [need.lower() for need in needs]
        return path

    def answer(self, verb: str, url: str, token: str) -> Answer:
        """See Played.answer."""
        split = urlsplit(url)
        query = {key.lower(): values[-1] for key, values in parse_qs(split.query).items()}
        path = split.path.lower()
        if token != f"Bearer {_TOKEN}":
            return refusal(401, "InvalidAuthenticationToken", "The access token is invalid.")
        self.calls.append(f"{verb} {path}")
        for fault in self.faults:
            if fault[0].lower() in f"{verb} {path}".lower():
                self.faults.remove(fault)
                return fault[1]
        if "/operations/" in path:
            return self._look(path)
        if "api-version" not in query:
            self.wrong.append(f"{verb} {url}")
            return refusal(400, "MissingApiVersionParameter", "The api-version query parameter is required.")
        return self._delete(path, query) if verb == "DELETE" else self._get(path, query)

    def open(self, url: str, form: str) -> Answer:
        """See Played.open: Entra's authority."""
        if url.startswith(f"/{TENANT}/v2.0/.well-known/"):
            at = f"{self.address}/{TENANT}"
            ways = {"token_endpoint": f"{at}/token", "authorization_endpoint": f"{at}/authorize", "issuer": at}
            return 200, {}, ways
        given = parse_qs(form)
        if given.get("client_assertion") == [_ASSERTION] and given["client_id"] == [CLIENT]:
            return 200, {}, {"token_type": "Bearer", "expires_in": 3600, "access_token": _TOKEN}
        return 401, {}, {"error": "invalid_client", "error_description": "AADSTS700024: The assertion is not taken."}

    def _get(self, path: str, query: dict[str, str]) -> Answer:
        root = ROOT.lower()
        if path == f"{root}/resourcegroups":
            return self._page(path, list(self.groups.values()), query)
        if path == f"{root}/resources" or (path.startswith(f"{root}/resourcegroups/") and path.endswith("/resources")):
            begin = path.removesuffix("/resources") + "/"
            found = [thing for name, thing in self.things.items() if name.startswith(begin)]
            if "tagname" in query.get("$filter", "").lower():  # as Azure does: such an answer has no tags
                found = [{key: value for key, value in thing.items() if key != "tags"} for thing in found]
            return self._page(path, found, query)
        if path.startswith(f"{root}/providers/"):
            space = path.split("/")[-1]
            kinds = {thing["type"] for thing in self.things.values() if thing["type"].lower().startswith(f"{space}/")}
            versions = ["2099-01-01-preview", _VERSION, "2019-01-01"]
            told = [{"resourceType": kind.split("/", 1)[1], "apiVersions": versions} for kind in sorted(kinds)]
            return 200, {}, {"namespace": space, "resourceTypes": told}
        found_one = self.groups.get(path) or self.things.get(path)
        return (200, {}, found_one) if found_one else _missing(path)

    def _page(self, path: str, found: list[dict[str, Any]], query: dict[str, str]) -> Answer:
        begin = int(query.get("$skiptoken", "0"))
        more = {}
        if found[begin + self.page :]:
            version = query["api-version"]
            more = {"nextLink": f"{self.address}{path}?api-version={version}&$skiptoken={begin + self.page}"}
        return 200, {}, {"value": found[begin : begin + self.page], **more}

    def _delete(self, path: str, query: dict[str, str]) -> Answer:
        if path not in self.groups and path not in self.things:
            return _missing(path)
        if path in self.things and query["api-version"] != _VERSION:
            self.wrong.append(f"{path} by {query['api-version']}")
        if path in self.groups and self.groups[path].get("managedBy", "").lower() in self.things:
            self.wrong.append(f"{path} was deleted under what manages it")
        if any(lock == path or lock.startswith(f"{path}/") for lock in self.locks):
            return refusal(409, "ScopeLocked", f"The scope '{path}' cannot perform delete operation: it is locked.")
        if path in self.things and self._users(path):
            return refusal(409, "InUse", f"{path} is in use by {self._users(path)[0]}")
        number = f"{ROOT}/operations/{len(self.calls)}"
        self._operations[number] = (path, 2)
        kind = "Location" if path in self.groups else "Azure-AsyncOperation"
        return 202, {kind: f"{self.address}{number}?api-version=1&by={kind}", "Retry-After": "0"}, {}

    def _look(self, path: str) -> Answer:
        target, looks = self._operations[path]
        is_group = target in self.groups or "/providers/" not in target
        if looks:
            self._operations[path] = (target, looks - 1)
            return (202, {"Location": f"{self.address}{path}"}, {}) if is_group else (200, {}, {"status": "InProgress"})
        inside = [name for name in self.things if name == target or name.startswith(f"{target}/")]
        blocked = [user for name in inside for user in self._users(name) if user not in inside]
        if blocked and is_group:
            return refusal(409, "ResourceGroupDeletionBlocked", f"Deletion of {target} is blocked by {blocked[0]}")
        if blocked:
            told = {"code": "InUse", "message": f"{target} is used by {blocked[0]}"}
            return 200, {}, {"status": "Failed", "error": told}
        for name in [*inside, target]:
            self._drop(name)
        return (204, {}, {}) if is_group else (200, {}, {"status": "Succeeded"})

    def _drop(self, name: str) -> None:
        made = self.makes.pop(name, "")
        for gone in [name, *([made, *(one for one in self.things if one.startswith(f"{made}/"))] if made else [])]:
            self.groups.pop(gone, None)
            self.things.pop(gone, None)
            self.references.pop(gone, None)

    def _users(self, path: str) -> list[str]:
        return [name for name, needs in self.references.items() if path in needs]


def _missing(path: str) -> Answer:
    code = "ResourceNotFound" if "/providers/" in path else "ResourceGroupNotFound"
    return refusal(404, code, f"{path} was not found.")


@contextmanager
def emulated_azure(folder: Path) -> Iterator[EmulatedAzure]:
    """An empty one, with credentials in folder: a federated workload identity whose authority it plays, too."""
    pytest.importorskip("azure.mgmt.resource", reason="tox -e cloud installs Azure's clients")
    state = EmulatedAzure()
    authority, context = trusted(folder)
    (folder / "assertion").write_text(_ASSERTION)
    with served(state, context), pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AZURE_SUBSCRIPTION_ID": SUBSCRIPTION, "AZURE_TENANT_ID": TENANT, "AZURE_CLIENT_ID": CLIENT,
            "AZURE_FEDERATED_TOKEN_FILE": str(folder / "assertion"), "AZURE_AUTHORITY_HOST": state.address,
            "AZURE_TOKEN_CREDENTIALS": "WorkloadIdentityCredential", "ARM_ENDPOINT": state.address,
            "REQUESTS_CA_BUNDLE": str(authority), "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1",
        }.items():  # fmt: skip
            patch.setenv(name, value)
        yield state
