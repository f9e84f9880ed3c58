"""A kind cluster that does not come up: the phase, who stands in the way with its last words, and nothing is left."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from fixtures import lease as leases
from fixtures.clusters.kind import engine as engines
from fixtures.clusters.kind.provider import KindProvider
from fixtures.clusters.provider import ClusterFailed, ClusterSpec
from fixtures.clusters.state import read_state
from fixtures.plugin import Parts
from fixtures.toolchain.cache import Cache, digest_of
from fixtures.toolchain.provide import write_parts
from reports.model import Part
from suites.selftest.provider.makers import KIND, label_of

pytestmark = [pytest.mark.full, pytest.mark.xdist_group("reapers"), pytest.mark.timeout(900)]
DIGEST = "sha256:" + "0" * 64


def changed(parts: Parts, component: str, file: str, instead: Path) -> Parts:
    """The parts with another file in the place of one, as a candidate that ships it would have them."""
    part = parts.get(component)
    files, digests = {**part.files, file: str(instead)}, {**part.sha256, file: digest_of(instead)}
    other = dataclasses.replace(part, files=files, sha256=digests)
    return Parts({**parts.by_name, component: other}, "selftest")


def stuck(folder: Path, name: str) -> Path:
    """A program that says why it ends, and ends."""
    program = folder / name
    program.write_text(f"#!/bin/sh\necho {folder.name}: the rudder is stuck >&2\nexit 4\n")
    program.chmod(0o755)
    return program


def _remove_image(folder: Path) -> None:
    """The image of a test's own candidate is of no use to anybody after it."""
    engines.find().run(["image", "rm", str(read_state(folder).get("image", ""))])


def test_kubelet_that_cannot_start_is_named_with_its_last_words(
    container_engine: None, parts: Parts, tmp_path: Path
) -> None:
    broken = changed(parts, "kubernetes", "kubelet", stuck(tmp_path, "kubelet"))
    with pytest.raises(ClusterFailed) as refused:
        KindProvider().create(ClusterSpec("selftest", broken, tmp_path / "run"))
    _remove_image(tmp_path / "run")
    text = str(refused.value)
    assert "kind failed at 'Starting control-plane': kubelet on" in text
    assert "the rudder is stuck" in text
    assert list((tmp_path / "run" / "logs").rglob("kubelet.log")), "the logs of the node are not kept"
    assert read_state(tmp_path / "run")["phase"] == "failed"
    assert KIND.traces(label_of(tmp_path / "run")) == []


def test_containerd_that_cannot_start_is_named_while_the_image_is_made(
    container_engine: None, parts: Parts, tmp_path: Path
) -> None:
    broken = changed(parts, "containerd", "containerd", stuck(tmp_path, "containerd"))
    with pytest.raises(ClusterFailed, match=r"containerd does not start in its node image: .*the rudder is stuck"):
        KindProvider().create(ClusterSpec("selftest", broken, tmp_path / "run"))
    assert KIND.traces(label_of(tmp_path / "run")) == []


def test_node_image_that_is_nowhere_is_named_with_what_to_do(
    container_engine: None, parts: Parts, tmp_path: Path
) -> None:
    named = Part("node-image", "1", f"image seatrial.invalid/node@{DIGEST}", DIGEST, {}, {}, ())
    lacking = Parts({**parts.by_name, "node-image": named}, "selftest")
    with pytest.raises(ClusterFailed, match=r"seatrial.invalid/node@.* cannot be pulled: .*[\s\S]*leave the component"):
        KindProvider().create(ClusterSpec("selftest", lacking, tmp_path / "run"))
    assert KIND.traces(label_of(tmp_path / "run")) == []


def test_owner_killed_while_the_node_image_is_made_leaves_nothing(
    container_engine: None, parts: Parts, tmp_path: Path
) -> None:
    own = tmp_path / "pause.tar"
    own.write_bytes(Path(parts.file("images", "pause.tar")).read_bytes() + b"\0" * 512)
    other = changed(parts, "images", "pause.tar", own)
    write_parts(tmp_path / "parts.json", other.by_name.values(), Cache())
    with KIND.owner(Parts(other.by_name, str(tmp_path / "parts.json")), tmp_path / "run") as owner:
        label = KIND.reached(tmp_path / "run", "making the node image: images of the control plane")
        owner.kill()
        owner.wait()
    assert KIND.traces(label), "the container of the image has to be there, or nothing is shown"
    left = [line for line in leases.reap() if line.startswith("left:")]
    assert (left, KIND.traces(label)) == ([], [])


def test_network_of_the_name_that_is_somebody_elses_is_left_alone(
    container_engine: None, parts: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, taken = engines.find(), "seatrial-0badcafe"
    monkeypatch.setattr("secrets.token_hex", lambda _size=4: taken.removeprefix("seatrial-"))
    engine.must("network", "create", taken)
    try:
        with pytest.raises(ClusterFailed, match=f"already has a network {taken}, which is not ours"):
            KindProvider().create(ClusterSpec("selftest", parts, tmp_path / "run"))
        assert engine.inspect("network", taken) is not None
    finally:
        engine.must("network", "rm", taken)
