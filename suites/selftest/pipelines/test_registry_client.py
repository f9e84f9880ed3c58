"""The registry client where a registry wants to know who asks, or lies about what it holds."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pipelines.targets import TargetError
from pipelines.targets.registry import INDEX, MANIFEST, Repository, digest_of

CONTENT = b'{"schemaVersion": 2}'


class Guarded(BaseHTTPRequestHandler):
    """One manifest behind a password: mode bearer (by a token), basic, or open (and it lies about digests)."""

    mode = "open"
    asked: list[str] = []  # noqa: RUF012 - each server has a class of its own

    def do_GET(self) -> None:
        given = self.headers.get("Authorization", "")
        self.asked.append(f"{self.path} {given}")
        if self.path.startswith("/token"):
            known = given == f"Basic {base64.b64encode(b'me:secret').decode()}"
            return self.answer(200, json.dumps({"token": "t0k" if known else ""}).encode(), "application/json")
        wanted = {"bearer": "Bearer t0k", "basic": f"Basic {base64.b64encode(b'me:secret').decode()}"}.get(self.mode)
        if wanted and given != wanted:
            realm = f'realm="http://{self.headers["Host"]}/token",service="s",scope="repository:a/b:pull"'
            return self.answer(401, b"{}", "application/json", f"{self.mode.title()} {realm}")
        if "/referrers/" in self.path:
            return self.referrers()
        return self.answer(200, CONTENT, MANIFEST)

    def referrers(self) -> None:
        """Three pages of one each; without an end where the digest is all zeros."""
        page = int(self.path.partition("page=")[2] or 1)
        path = self.path.partition("?")[0]
        more = page < 3 or path.endswith("0" * 64)
        data = json.dumps({"manifests": [{"digest": f"sha256:{page}"}]}).encode()
        self.answer(200, data, INDEX, link=f'<{path}?page={page + 1}>; rel="next"' if more else "")

    def answer(self, status: int, data: bytes, kind: str, challenge: str = "", link: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        if challenge:
            self.send_header("WWW-Authenticate", challenge)
        if link:
            self.send_header("Link", link)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
        """Nothing on the screen."""


@pytest.fixture
def server(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Guarded]]:
    """A server in the mode of the parameter; its handler class knows what it was asked and has its address."""
    handler = type("Handler", (Guarded,), {"mode": request.param, "asked": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        handler.host = f"127.0.0.1:{listening.server_port}"  # type: ignore[attr-defined]
        monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
        yield handler
        listening.shutdown()


def log_in(folder: Path, host: str, password: str = "secret") -> None:
    auth = base64.b64encode(f"me:{password}".encode()).decode()
    (folder / "config.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))


@pytest.mark.parametrize("server", ["bearer", "basic"], indirect=True)
def test_password_of_docker_login_opens_the_registry(server: type[Guarded], tmp_path: Path) -> None:
    host = server.host  # type: ignore[attr-defined]
    log_in(tmp_path, host)
    repository = Repository(f"http://{host}/a/b")
    assert repository.manifest("dev") == (CONTENT, MANIFEST)
    before = len(server.asked)
    repository.manifest("dev")
    assert len(server.asked) == before + 1


@pytest.mark.parametrize("server", ["bearer", "basic"], indirect=True)
def test_wrong_or_no_password_is_refused_and_never_shown(server: type[Guarded], tmp_path: Path) -> None:
    host = server.host  # type: ignore[attr-defined]
    for password in ("", "wrong"):
        if password:
            log_in(tmp_path, host, password)
        with pytest.raises(TargetError, match="gave 401") as refused:
            Repository(f"http://{host}/a/b").manifest("dev")
        assert "wrong" not in str(refused.value)


@pytest.mark.parametrize("server", ["open"], indirect=True)
def test_manifest_or_blob_of_another_digest_is_refused(server: type[Guarded]) -> None:
    repository = Repository(f"http://{server.host}/a/b")  # type: ignore[attr-defined]
    assert repository.manifest(digest_of(CONTENT)) == (CONTENT, MANIFEST)
    with pytest.raises(TargetError, match="another digest"):
        repository.manifest(digest_of(b"{}"))
    with pytest.raises(TargetError, match="another digest"):
        repository.blob(digest_of(b"{}"))


@pytest.mark.parametrize("server", ["open"], indirect=True)
def test_referrers_in_pages_are_all_listed_and_a_list_without_an_end_is_told(server: type[Guarded]) -> None:
    repository = Repository(f"http://{server.host}/a/b")  # type: ignore[attr-defined]
    assert [item["digest"] for item in repository.referrers(f"sha256:{'1' * 64}")] == [
        "sha256:1",
        "sha256:2",
        "sha256:3",
    ]
    with pytest.raises(TargetError, match="has no end"):
        repository.referrers(f"sha256:{'0' * 64}")
