"""The example of an Indexed Job, run on a local cluster with an image of Seatrial: shards in pods equal one run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client

from fixtures.clusters.descriptions import connect
from fixtures.clusters.local.cluster import LocalCluster
from fixtures.clusters.local.provider import LocalProvider
from fixtures.clusters.provider import ClusterSpec
from fixtures.clusters.workloads import Pod, Pods
from fixtures.plugin import Parts
from fixtures.toolchain.system import PACKAGES
from fixtures.wait import wait_until
from pipelines.cli import main
from reports import record
from suites.selftest.pipelines import own_image, tiny_run

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = ROOT / "docs" / "examples"
OF = 3
PATIENCE = 180.0
RELEASE = {"candidate.toml": tiny_run.candidate(), "stages.toml": tiny_run.STAGES, "policy.toml": tiny_run.POLICY}
WHOLE = "python -m pipelines run --candidate /release/candidate.toml --pipeline /release/stages.toml"


def example() -> dict[str, Any]:
    """The jobs of the example by name, with our image and without the privileges that this suite does not need."""
    text = re.sub(r"image: \S+", f"image: {own_image.REFERENCE}", (EXAMPLES / "indexed-job.yaml").read_text())
    jobs = {item["metadata"]["name"]: item for item in yaml.safe_load(text)["items"]}
    for job in jobs.values():
        for container in job["spec"]["template"]["spec"]["containers"]:
            container.pop("securityContext", None)
    return jobs


@dataclass
class Engine:
    """A cluster whose pods share a folder of this machine. runs: that folder."""

    api: Any
    runs: Path

    @property
    def batch(self) -> Any:
        return client.BatchV1Api(self.api)

    @property
    def pods(self) -> Pods:
        return Pods(self.api, "default")

    def pod_of(self, index: int) -> Any:
        """The newest pod of a shard that is not on its way out; None while there is none."""
        chosen = f"batch.kubernetes.io/job-completion-index={index}"
        found = client.CoreV1Api(self.api).list_namespaced_pod("default", label_selector=chosen).items
        living = [pod for pod in found if not pod.metadata.deletion_timestamp and pod.status.phase != "Failed"]
        return living[0] if living else None

    def evict(self, name: str) -> None:
        """As a node that is drained does; nothing is left to the pod to put in order."""
        meta = {"name": name, "namespace": "default"}
        body = {"metadata": meta, "deleteOptions": {"gracePeriodSeconds": 0}}
        client.CoreV1Api(self.api).create_namespaced_pod_eviction(name, "default", body)

    def wait_until_over(self, job: str) -> Any:
        """Wait for the job's end, and return its status."""

        def status() -> Any:
            return self.batch.read_namespaced_job_status(job, "default").status

        def over(seen: Any) -> bool:
            return any(item.type in ("Complete", "Failed") and item.status == "True" for item in seen.conditions or ())

        return wait_until(f"the job {job} is over", status, PATIENCE, interval=0.2, accept=over)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image of Seatrial with the parts of the tiny candidate."""
    place = tmp_path_factory.mktemp("image")
    for name, text in RELEASE.items():
        (place / name).write_text(text)
    command = [sys.executable, "-m", "pipelines", "provision", "--candidate", str(place / "candidate.toml")]
    command += ["--pipeline", str(place / "stages.toml")]
    environment = {**os.environ, "SEATRIAL_CACHE": str(place / "cache")}
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    return own_image.make(place / "seatrial.tar", place / "cache")


@pytest.fixture(scope="module")
def local(parts: Parts, archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """Two nodes that have the image."""
    made = LocalProvider().create(ClusterSpec("fan-out", parts, tmp_path_factory.mktemp("cluster"), nodes=2))
    try:
        made.load_image(archive)
        yield made
    finally:
        made.destroy()


@pytest.fixture(scope="module")
def engine(local: LocalCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The cluster with what the example expects: the release's files, and a volume that all pods share."""
    runs = tmp_path_factory.mktemp("runs")
    claimed = {"accessModes": ["ReadWriteMany"], "storageClassName": ""}
    volume = {**claimed, "capacity": {"storage": "1Gi"}, "hostPath": {"path": str(runs)}}
    claim = {**claimed, "volumeName": "seatrial-runs", "resources": {"requests": {"storage": "1Gi"}}}
    meta = {"metadata": {"name": "seatrial-runs"}}
    with connect(local.kubeconfig, None, through_proxy=False) as api:
        core = client.CoreV1Api(api)
        core.create_namespaced_config_map("default", {"metadata": {"name": "seatrial-release"}, "data": RELEASE})
        core.create_persistent_volume({**meta, "spec": volume})
        core.create_namespaced_persistent_volume_claim("default", {**meta, "spec": claim})
        yield Engine(api, runs)


@pytest.fixture(scope="module")
def alone(engine: Engine) -> Pod:
    """A pod that runs all of the tests, while other pods share them."""
    like = example()["seatrial-shards"]["spec"]["template"]["spec"]
    container = {"workingDir": own_image.HOME, "volumeMounts": like["containers"][0]["volumeMounts"]}
    command = ["sh", "-c", f"{WHOLE} --runs-dir /runs --run-id whole"]
    spec = {"volumes": like["volumes"]}
    return engine.pods.run("whole", own_image.REFERENCE, command, container=container, spec=spec, wait=False)


@pytest.fixture(scope="module")
def shards(engine: Engine, alone: Pod) -> Any:
    """The status of the shards' job at its end. The pod of shard 1 is evicted while it runs, and made again."""
    engine.batch.create_namespaced_job("default", example()["seatrial-shards"])

    def is_halfway() -> bool:
        path = engine.runs / "release-7-1-shard-1-of-3" / "dev" / "record.jsonl"
        return path.exists() and '"kind": "result"' in path.read_text()

    wait_until("shard 1 has a result", is_halfway, PATIENCE, interval=0.05)
    engine.evict(engine.pod_of(1).metadata.name)
    return engine.wait_until_over("seatrial-shards")


@pytest.fixture(scope="module")
def whole(engine: Engine, alone: Pod, shards: Any) -> Path:
    """The run in one pod."""
    ended = engine.pods.wait_until_finished(alone, PATIENCE)
    assert ended.phase == "Succeeded", engine.pods.logs(alone)
    return engine.runs / "whole"


@pytest.fixture(scope="module")
def joined(engine: Engine, shards: Any) -> Path:
    """The shards, merged and decided by the example's other job."""
    engine.batch.create_namespaced_job("default", example()["seatrial-merge"])
    engine.batch.patch_namespaced_job("seatrial-merge", "default", {"spec": {"suspend": False}})
    assert engine.wait_until_over("seatrial-merge").succeeded == 1, list(engine.runs.iterdir())
    return engine.runs / "release-7-1"


def told(run: Path) -> Mapping[str, Any]:
    """Everything of a run that must not depend on how many machines it had."""
    found = record.read(run / "dev" / "record.jsonl")
    assert found.end is not None
    decision = json.loads((run / "decisions" / "dev.json").read_text())
    return {
        "planned": found.planned,
        "outcomes": sorted((item.test, item.clauses, item.outcome, item.attempt) for item in found.results),
        "counts": found.counts(),
        "end": (found.end.exit, dict(found.end.counts)),
        "commit": found.run.seatrial,
        "standings": decision["standings"],
        "verdicts": [json.loads(path.read_text())["verdict"] for path in sorted(run.glob("decisions/*.json"))],
    }


@pytest.mark.timeout(600)
def test_indexed_job_with_an_evicted_pod_equals_the_run_in_one_pod(
    engine: Engine, shards: Any, whole: Path, joined: Path
) -> None:
    assert (shards.succeeded, shards.completed_indexes, shards.failed_indexes or "") == (OF, "0-2", "")
    attempts = {path.name for path in engine.runs.glob("release-7-1-shard-1-of-3*")}
    assert attempts == {"release-7-1-shard-1-of-3", "release-7-1-shard-1-of-3-attempt-2"}
    assert told(joined) == told(whole)
    assert set(told(joined)["verdicts"]) == {"PASS"}
    assert told(joined)["commit"].startswith("files-")  # An image holds no history, and its shards are compared by it.
    speaking = [item["attempt"] for item in json.loads((joined / "run.json").read_text())["shards"] if item["speaks"]]
    assert speaking == [1, 2, 1]
    assert main(["verify", str(joined), "--no-signature"]) == 0
    assert main(["replay", str(joined)]) == 0


def test_indexed_job_with_a_lost_shard_is_not_decided_and_names_it(
    engine: Engine, shards: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    left = [path for path in sorted(engine.runs.glob("release-7-1-shard-*")) if "shard-1-of" not in path.name]
    assert len(left) == OF - 1
    assert main(["merge", *map(str, left), "--runs-dir", str(tmp_path)]) == 2
    assert "Shard 1 of 3 (counted from 0) left no record of dev" in capsys.readouterr().out


def test_containerfile_holds_what_a_run_needs() -> None:
    text = (EXAMPLES / "Containerfile").read_text()
    needed = {package.name for package in PACKAGES if package.use == "run"} | {"busybox-static"}
    assert needed <= set(text.split())
    copied = {word for line in text.splitlines() if line.startswith("COPY") for word in line.split()[1:-1]}
    assert {*own_image.SOURCES, "requirements.lock"} <= copied
