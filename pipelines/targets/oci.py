"""An OCI registry: an environment is a tag of an image that was tested, by its digest.

REPOSITORY:<environment>            the image itself, its bytes untouched
REPOSITORY:seatrial-<environment>   what was released, when and by whom; the image is its subject
a referrer of the image             the signed sign-off (DSSE), found by every tool that lists referrers
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipelines.targets import RELEASE, Release, TargetError
from pipelines.targets.registry import MANIFEST, Repository, digest_of

RELEASE_TYPE = "application/vnd.seatrial.release.v1+json"
SIGNOFF_TYPE = "application/vnd.in-toto+json"
ENVELOPE_TYPE = "application/vnd.dsse.envelope.v1+json"
_EMPTY = b"{}"


@dataclass(frozen=True)
class Image:
    """One image, in the repository where it was tested."""

    repository: Repository
    name: str = "oci"
    needs_trust: bool = True

    @property
    def place(self) -> str:
        return f"oci {self.repository.name}"

    def check(self, content: Mapping[str, Any]) -> None:
        digest = _image(content)
        if self.repository.manifest(digest) is None:
            raise TargetError(f"{self.repository.name} has no {digest}; push the image that was tested there first")

    def release(self, release: Release) -> str:
        digest = _image(release.content)
        found = self.repository.manifest(digest)
        if found is None:
            raise TargetError(f"{self.repository.name} has no {digest}")
        subject = {"mediaType": found[1], "digest": digest, "size": len(found[0])}
        if release.attestation is not None:
            try:
                signed = release.attestation.read_bytes()
            except OSError as error:
                raise TargetError(f"{release.attestation}: cannot be read: {error.strerror or error}") from error
            self._attach(subject, SIGNOFF_TYPE, ENVELOPE_TYPE, signed, release.content["signed"])
        note = release.text.encode()
        # Last, and the image's tag after the note: a tag that moved is never without what moved it.
        data = self._attach(subject, RELEASE_TYPE, RELEASE_TYPE, note, release.content["promoted"])
        self.repository.put_manifest(f"seatrial-{release.environment}", data, MANIFEST)
        self.repository.put_manifest(release.environment, *found)
        return f"{self.repository.name}:{release.environment} ({digest})"

    def shown(self, environment: str) -> Mapping[str, str]:
        """The note's text, and the digest that the environment's tag has."""
        image = self.repository.manifest(environment)
        return {RELEASE: self._note(environment), f"the tag {environment}": digest_of(image[0]) if image else ""}

    def shows(self, release: Release) -> Mapping[str, str]:
        return {RELEASE: release.text, f"the tag {release.environment}": _image(release.content)}

    def _note(self, environment: str) -> str:
        found = self.repository.manifest(f"seatrial-{environment}")
        if found is None:
            return ""
        try:
            (layer,) = json.loads(found[0])["layers"]
            if layer["mediaType"] == RELEASE_TYPE:
                return self.repository.blob(layer["digest"]).decode(errors="backslashreplace")
        except (ValueError, KeyError, TypeError):
            pass
        return f"the manifest {digest_of(found[0])} under the tag seatrial-{environment}"

    def _attach(self, subject: Mapping[str, Any], kind: str, media_type: str, data: bytes, time: str) -> bytes:
        """Push an artifact whose subject is the image; the same content is the same artifact. Returns its manifest."""
        empty = {"mediaType": "application/vnd.oci.empty.v1+json", "size": len(_EMPTY)}
        layer = {"mediaType": media_type, "digest": self.repository.put_blob(data), "size": len(data)}
        annotations = {"org.opencontainers.image.created": time}
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": kind,
            "config": {**empty, "digest": self.repository.put_blob(_EMPTY)},
            "layers": [layer],
            "subject": dict(subject),
            "annotations": annotations,
        }
        written = json.dumps(manifest, sort_keys=True, separators=(",", ":")).encode()
        digest = digest_of(written)
        if not self.repository.put_manifest(digest, written, MANIFEST):
            descriptor = {"mediaType": MANIFEST, "digest": digest, "size": len(written), "artifactType": kind}
            self.repository.add_referrer(str(subject["digest"]), {**descriptor, "annotations": annotations})
        return written


def _image(content: Mapping[str, Any]) -> str:
    """The one digest that is released."""
    released = list(content["released"])
    if len(released) != 1:
        given = f"{len(released)} digests were" if released else "none was"
        raise TargetError(f"a registry takes one image at a time, named by --digest; {given} given")
    return str(released[0])
