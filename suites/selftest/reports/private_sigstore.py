"""A whole sigstore on loopback, as small as one can be: identities as GitHub hands them out, certificates (Fulcio) with
their transparency log, and a signature log (Rekor). Its keys are its own, so the library checks all that it would."""

from __future__ import annotations

import base64
import contextlib
import datetime
import hashlib
import json
import struct
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

ISSUER = "https://token.actions.githubusercontent.com"
WORKFLOW = "https://github.com/org/release/.github/workflows/release.yml@refs/heads/main"
_NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "private sigstore")])
_OIDC_ISSUER = ObjectIdentifier("1.3.6.1.4.1.57264.1.1")
_SCT_LIST = ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")


class PrivateSigstore:
    """Its three keys and what they sign. identity: whom the certificates are made out to."""

    def __init__(self, identity: str = WORKFLOW) -> None:
        self.identity = identity
        self.authority, self.certificates, self.log = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
        self.root = self._root()

    def trust(self, url: str) -> str:
        """The client trust config of this sigstore."""
        valid = {"start": "2020-01-01T00:00:00Z"}
        service = [{"url": url, "majorApiVersion": 1, "validFor": valid, "operator": "here"}]
        certificate = {"rawBytes": _text(self.root.public_bytes(Encoding.DER))}
        root = {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [self._instance(self.log, url, valid)],
            "ctlogs": [self._instance(self.certificates, url, valid)],
            "timestampAuthorities": [],
            "certificateAuthorities": [
                {"subject": {"organization": "here", "commonName": "private sigstore"}, "uri": url,
                 "certChain": {"certificates": [certificate]}, "validFor": valid}
            ],
        }  # fmt: skip
        services = {
            "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
            "caUrls": service, "oidcUrls": service, "rekorTlogUrls": service, "tsaUrls": [],
            "rekorTlogConfig": {"selector": "ANY"}, "tsaConfig": {"selector": "ANY"},
        }  # fmt: skip
        kind = "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json"
        return json.dumps({"mediaType": kind, "trustedRoot": root, "signingConfig": services})

    def certify(self, request: bytes) -> list[str]:
        """A certificate for a signing request, with the log's promise in it, and the root; PEM."""
        key = x509.load_pem_x509_csr(request).public_key()
        now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
        builder = (
            x509.CertificateBuilder(_NAME, x509.Name([]), key, x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(minutes=1))
            .not_valid_after(now + datetime.timedelta(minutes=10))
            .add_extension(_usage(digital_signature=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.authority.public_key()), False)
            .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(self.identity)]), critical=True)
            .add_extension(x509.UnrecognizedExtension(_OIDC_ISSUER, ISSUER.encode()), critical=False)
        )
        bare = builder.sign(self.authority, hashes.SHA256()).tbs_certificate_bytes
        promise = self._promise(bare, int(now.timestamp() * 1000))
        made = builder.add_extension(x509.UnrecognizedExtension(_SCT_LIST, promise), critical=False)
        chain = (made.sign(self.authority, hashes.SHA256()), self.root)
        return [item.public_bytes(Encoding.PEM).decode() for item in chain]

    def enter(self, proposed: dict[str, Any]) -> dict[str, Any]:
        """The log's only entry, with its proof and promise."""
        content = proposed["spec"]["proposedContent"]
        envelope = json.loads(content["envelope"])
        signatures = [
            {"signature": item["sig"], "verifier": verifier}
            for item, verifier in zip(envelope["signatures"], content["verifiers"], strict=True)
        ]
        spec = {
            "envelopeHash": {"algorithm": "sha256", "value": hashlib.sha256(content["envelope"].encode()).hexdigest()},
            "payloadHash": {
                "algorithm": "sha256",
                "value": hashlib.sha256(base64.b64decode(envelope["payload"])).hexdigest(),
            },
            "signatures": signatures,
        }
        body = _canonical({"apiVersion": "0.0.1", "kind": "dsse", "spec": spec})
        root = hashlib.sha256(b"\0" + body).digest()
        note = f"here\n1\n{_text(root)}\n"
        signed = _text(_key_id(self.log)[:4] + self._sign(self.log, note.encode()))
        entry: dict[str, Any] = {
            "body": _text(body),
            "integratedTime": int(datetime.datetime.now(datetime.UTC).timestamp()),
            "logID": _key_id(self.log).hex(),
            "logIndex": 0,
        }
        promise = _text(self._sign(self.log, _canonical(entry)))
        proof = {"checkpoint": f"{note}\n\u2014 here {signed}\n", "hashes": [], "logIndex": 0, "treeSize": 1}
        return {"1": {**entry, "verification": {
            "inclusionProof": {**proof, "rootHash": root.hex()}, "signedEntryTimestamp": promise}}}  # fmt: skip

    def _root(self) -> x509.Certificate:
        start = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
        key = self.authority.public_key()
        builder = x509.CertificateBuilder(_NAME, _NAME, key, x509.random_serial_number())
        builder = builder.not_valid_before(start).not_valid_after(start + datetime.timedelta(days=36500))
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(_usage(key_cert_sign=True), critical=True)
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        return builder.sign(self.authority, hashes.SHA256())

    def _promise(self, bare: bytes, time: int) -> bytes:
        """The certificate log's signed timestamp (RFC 6962), as the extension holds it."""
        entry = _key_id(self.authority) + len(bare).to_bytes(3, "big") + bare
        signature = self._sign(self.certificates, struct.pack("!BBQH", 0, 0, time, 1) + entry + b"\0\0")
        stamp = b"\0" + _key_id(self.certificates) + struct.pack("!QHBBH", time, 0, 4, 3, len(signature)) + signature
        listed = struct.pack("!HH", len(stamp) + 2, len(stamp)) + stamp
        assert len(listed) < 256
        return (b"\x04" + bytes([len(listed)]) if len(listed) < 128 else b"\x04\x81" + bytes([len(listed)])) + listed

    def _instance(self, key: ec.EllipticCurvePrivateKey, url: str, valid: dict[str, str]) -> dict[str, Any]:
        public = {"rawBytes": _text(_public(key)), "keyDetails": "PKIX_ECDSA_P256_SHA_256", "validFor": valid}
        return {
            "baseUrl": url,
            "hashAlgorithm": "SHA2_256",
            "publicKey": public,
            "logId": {"keyId": _text(_key_id(key))},
        }

    def _sign(self, key: ec.EllipticCurvePrivateKey, data: bytes) -> bytes:
        return key.sign(data, ec.ECDSA(hashes.SHA256()))


@contextlib.contextmanager
def serving(sigstore: PrivateSigstore, folder: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """The sigstore on loopback: its trust config, and the variables of a GitHub job that may ask for an identity."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            claims = {"aud": "sigstore", "iss": ISSUER, "sub": "repo:org/release", "job_workflow_ref": "org/release"}
            now = int(datetime.datetime.now(datetime.UTC).timestamp())
            claims |= {"iat": now - 5, "nbf": now - 5, "exp": now + 300}  # type: ignore[dict-item]
            parts = ({"alg": "RS256", "typ": "JWT"}, claims)
            token = ".".join(base64.urlsafe_b64encode(_canonical(part)).decode().rstrip("=") for part in parts)
            self.answer({"value": f"{token}.c2ln"})

        def do_POST(self) -> None:
            given = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path.endswith("/signingCert"):
                chain = sigstore.certify(base64.b64decode(given["certificateSigningRequest"]))
                return self.answer({"signedCertificateEmbeddedSct": {"chain": {"certificates": chain}}})
            return self.answer(sigstore.enter(given))

        def answer(self, content: dict[str, Any]) -> None:
            data = json.dumps(content).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
            """Nothing on the screen."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        trust = folder / "trust.json"
        trust.write_text(sigstore.trust(url))
        names = {"GITHUB_ACTIONS": "true", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "t"}
        yield trust, {**names, "ACTIONS_ID_TOKEN_REQUEST_URL": f"{url}/id?x=1"}
        server.shutdown()


def _usage(**on: bool) -> x509.KeyUsage:
    names = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
             "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")  # fmt: skip
    return x509.KeyUsage(**{**dict.fromkeys(names, False), **on})


def _public(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _key_id(key: ec.EllipticCurvePrivateKey) -> bytes:
    return hashlib.sha256(_public(key)).digest()


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _canonical(value: dict[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
