"""A small client of the OCI distribution API: manifests, blobs and referrers, by digest.

Source: OCI Distribution Specification 1.1 (pulling, pushing, listing referrers and the fallback for registries that
have no referrers API). Credentials are those of `docker login` (config.json); nothing of them is ever printed.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests

from pipelines.targets import TargetError

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_ACCEPTED = ", ".join(
    (MANIFEST, INDEX, "application/vnd.docker.distribution.manifest.v2+json",
     "application/vnd.docker.distribution.manifest.list.v2+json")
)  # fmt: skip
_REPOSITORY = re.compile(r"(?:(https?)://)?([^/\s]+)/([a-z0-9]+(?:(?:\.|_|__|-+|/)[a-z0-9]+)*)")
_PAGES = 1000  # of a list that are followed
_TIME_LIMIT = 60.0  # seconds for one answer
_LARGEST = 16 * 1024 * 1024  # bytes of a manifest or a blob that is read


def digest_of(data: bytes) -> str:
    """sha256:<hex> of some bytes."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    content: bytes


class Repository:
    """One repository of a registry. name: HOST/PATH, reached by https; http://HOST/PATH where that is really meant."""

    def __init__(self, name: str) -> None:
        found = _REPOSITORY.fullmatch(name)
        if not found:
            raise TargetError(
                f"{name}: no repository; write HOST/PATH, for example registry.example.org/platform/driver"
            )
        scheme, self.host, self.path = found[1] or "https", found[2], found[3]
        self.name = f"{self.host}/{self.path}"
        self._base = f"{scheme}://{self.host}/v2/{self.path}/"
        self._session = requests.Session()
        self._authorization = ""

    def manifest(self, reference: str) -> tuple[bytes, str] | None:
        """A manifest's bytes and media type, by digest or tag; None: there is none. TargetError: it is another one."""
        answer = self._ask("GET", f"manifests/{reference}", headers={"Accept": _ACCEPTED}, allowed=(200, 404))
        if answer.status == 404:
            return None
        if reference.startswith("sha256:") and digest_of(answer.content) != reference:
            raise TargetError(f"{self.name}: what it gave for {reference} has another digest")
        return answer.content, answer.headers.get("Content-Type", "").partition(";")[0]

    def put_manifest(self, reference: str, data: bytes, media_type: str) -> bool:
        """Push a manifest; whether the registry lists it under its subject by itself."""
        answer = self._ask("PUT", f"manifests/{reference}", data=data, headers={"Content-Type": media_type})
        stored = answer.headers.get("Docker-Content-Digest", digest_of(data))
        if stored != digest_of(data):
            raise TargetError(f"{self.name}: stored {stored} where {digest_of(data)} was pushed")
        return "OCI-Subject" in answer.headers

    def tags(self) -> list[str]:
        """Every tag; none where the registry knows no such repository."""
        return [str(tag) for answer in self._pages("tags/list") for tag in json.loads(answer.content).get("tags") or ()]

    def blob(self, digest: str, most: int = _LARGEST) -> bytes:
        """A blob of at most so many bytes, its digest checked."""
        data = self._ask("GET", f"blobs/{digest}", most=most).content
        if digest_of(data) != digest:
            raise TargetError(f"{self.name}: what it gave for the blob {digest} has another digest")
        return data

    def put_blob(self, data: bytes) -> str:
        """Push a blob unless it is there; its digest."""
        digest = digest_of(data)
        if self._ask("HEAD", f"blobs/{digest}", allowed=(200, 404)).status == 200:
            return digest
        begun = self._ask("POST", "blobs/uploads/")
        place = urljoin(self._base, begun.headers.get("Location", ""))
        place += ("&" if urlsplit(place).query else "?") + f"digest={digest}"
        self._ask("PUT", place, data=data, headers={"Content-Type": "application/octet-stream"})
        return digest

    def referrers(self, digest: str) -> list[dict[str, Any]]:
        """Descriptors of what has this manifest as its subject."""
        found: list[dict[str, Any]] = []
        answer: _Answer | None = None
        for answer in self._pages(f"referrers/{digest}"):
            if not answer.headers.get("Content-Type", "").startswith(INDEX):
                answer = None
                break
            found += json.loads(answer.content).get("manifests") or ()
        return found if answer is not None else list(json.loads(self._fallback(digest))["manifests"])

    def _pages(self, path: str) -> Iterator[_Answer]:
        """A list's pages, each by the link in the one before; none where there is no such list."""
        for _ in range(_PAGES):
            answer = self._ask("GET", path, allowed=(200, 404))
            if answer.status == 404:
                return
            yield answer
            further = re.match(r'<([^>]+)>\s*;\s*rel="?next', answer.headers.get("Link", ""))
            if further is None:
                return
            path = further[1]
        raise TargetError(f"{self.name}: a list has no end ({path.partition('?')[0]})")

    def add_referrer(self, digest: str, descriptor: Mapping[str, Any]) -> None:
        """List a manifest under its subject where the registry does not do so itself: in the tag that the
        specification names for it."""
        index = json.loads(self._fallback(digest))
        if all(item["digest"] != descriptor["digest"] for item in index["manifests"]):
            index["manifests"].append(dict(descriptor))
            self.put_manifest(digest.replace(":", "-"), json.dumps(index).encode(), INDEX)

    def _fallback(self, digest: str) -> bytes:
        found = self.manifest(digest.replace(":", "-"))
        empty = {"schemaVersion": 2, "mediaType": INDEX, "manifests": []}
        return found[0] if found else json.dumps(empty).encode()

    def _ask(
        self,
        method: str,
        path: str,
        *,
        data: bytes = b"",
        headers: Mapping[str, str] = {},
        allowed: tuple[int, ...] = (),
        most: int = _LARGEST,
    ) -> _Answer:
        """One request, with a second try once the registry has said how it wants to be asked."""
        answer = self._send(method, path, data, headers, most)
        if answer.status == 401 and self._authorize(answer.headers.get("WWW-Authenticate", "")):
            answer = self._send(method, path, data, headers, most)
        if answer.status not in (allowed or (200, 201, 202)):
            said = answer.content[:200].decode(errors="replace").strip().replace("\n", " ")
            raise TargetError(f"{self.name}: {method} {path.partition('?')[0]} gave {answer.status}: {said}")
        return answer

    def _send(self, method: str, path: str, data: bytes, headers: Mapping[str, str], most: int) -> _Answer:
        url, known = urljoin(self._base, path), dict(headers)
        if self._authorization and urlsplit(url).netloc == self.host:  # an upload may be sent elsewhere
            known["Authorization"] = self._authorization
        try:
            with self._session.request(
                method, url, data=data or None, headers=known, timeout=_TIME_LIMIT, stream=True
            ) as answer:
                content = bytearray()
                for piece in answer.iter_content(1 << 16):
                    content += piece
                    if len(content) > most:
                        raise TargetError(f"{self.name}: {method} {path}: more than {most >> 20} MiB")
                return _Answer(answer.status_code, answer.headers, bytes(content))
        except (requests.RequestException, OSError) as error:
            hint = ""
            if isinstance(error, requests.exceptions.SSLError) and self._base.startswith("https:"):
                hint = f"; if it speaks plain HTTP, as one on this machine may, write http://{self.host}/{self.path}"
            raise TargetError(f"{self.name}: {method} failed: {type(error).__name__}{hint}") from error

    def _authorize(self, challenge: str) -> bool:
        """Take a token, or the user's name and password, as the challenge asks; whether there is something new."""
        kind, _, rest = challenge.partition(" ")
        basic = _credentials(self.host)
        if kind.lower() == "basic" and basic and not self._authorization:
            self._authorization = f"Basic {basic}"
            return True
        asked = dict(re.findall(r'(\w+)="([^"]*)"', rest))
        realm = asked.pop("realm", "")
        if kind.lower() != "bearer" or not realm:
            return False
        if urlsplit(realm).scheme != "https" and urlsplit(self._base).scheme == "https":
            raise TargetError(f"{self.name}: wants a password sent without encryption, to {realm}")
        headers = {"Authorization": f"Basic {basic}"} if basic else {}
        try:
            answer = requests.get(realm, params=asked, headers=headers, timeout=_TIME_LIMIT)
            token = answer.json().get("token") or answer.json().get("access_token")
        except (requests.RequestException, ValueError, AttributeError) as error:
            raise TargetError(f"{self.name}: no token from {realm}: {type(error).__name__}") from error
        self._authorization = f"Bearer {token}" if token else ""
        return bool(token)


def _credentials(host: str) -> str:
    """The base64 text of user:password for a registry, as `docker login` has stored it; "" where it has not."""
    folder = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    try:
        auths = json.loads((folder / "config.json").read_text()).get("auths", {})
        found = str((auths.get(host) or auths.get(f"https://{host}") or {}).get("auth") or "")
        base64.b64decode(found, validate=True)
    except (OSError, ValueError, AttributeError):
        return ""
    return found
