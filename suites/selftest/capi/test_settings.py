"""The settings file: what it says is taken whole, and what cannot be right is named with file and key."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from fixtures import lease as leases
from fixtures.clusters import access
from fixtures.clusters.capi import removal, settings
from fixtures.clusters.capi.cluster import CapiCluster, Plan
from fixtures.clusters.capi.provider import CapiProvider
from fixtures.clusters.cost import Budget
from fixtures.clusters.provider import ClusterFailed, ClusterSpec
from fixtures.plugin import Parts
from reports.model import Part
from suites.selftest.capi.samples import free, values_for


def _written(folder: Path, text: str) -> Path:
    path = folder / "cluster.toml"
    path.write_text(text)
    return path


def test_settings_are_taken_whole_with_files_beside_them(kubeconfig: Path, tmp_path: Path) -> None:
    text = f'template = "aws"\nlife_hours = 3\n[management]\nkubeconfig = "{kubeconfig}"\n[cost]\nceiling = 2.5\n'
    read = settings.load(_written(tmp_path, text + '[values]\nregion = "eu-west-1"\naddons = "addons.yaml"\n'))
    assert (read.template, read.life, read.management.server) == ("aws", 3, "https://192.0.2.1:6443")
    assert read.values == {"region": "eu-west-1", "addons": str(tmp_path / "addons.yaml")}
    assert read.where.endswith("cluster.toml, values")
    assert read.budget == Budget(2.5)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("template = aws", "cluster.toml is not TOML"),
        ("[values]\n", "cluster.toml: template is not given; there are aws, azure, gcp, in-memory, tinkerbell"),
        ('template = "aws"\nlife_hours = 0', r"life_hours: 0 is not a whole number from 1 to 168"),
        ('template = "aws"\nvalues = 1', r"values is not a table; write \[values\]"),
        ('template = "aws"\ntemplat = 1', 'there is no templat. Did you mean "template"'),
        ('template = "aws"\n[management]\ncontex = "x"', 'there is no management.contex. Did you mean "context"'),
        ('template = "aws"\n[management]\nkubeconfig = "/no/such"', "/no/such cannot be read"),
        ('template = "aws"\n[management]\nkubeconfig = "HERE"', "cost: it is missing; a cluster of aws costs money"),
        ('template = "aws"\n[cost]\nceiling = -1\n[management]\nkubeconfig = "HERE"', "cost.ceiling: it is below 0"),
        (
            'template = "aws"\n[cost]\nceiling = 1\nprices = []\n[management]\nkubeconfig = "HERE"',
            'cost.prices: there is no such key; did you mean "price"',
        ),
        ('template = "in-memory"\ncost = 3\n[management]\nkubeconfig = "HERE"', "cost: 3 is of another type"),
    ],
)
def test_settings_that_cannot_be_right_are_refused_by_name(
    text: str, said: str, kubeconfig: Path, tmp_path: Path
) -> None:
    with pytest.raises(ClusterFailed, match=said):
        settings.load(_written(tmp_path, text.replace("HERE", str(kubeconfig))))


def test_suites_are_not_run_on_a_simulated_cluster(kubeconfig: Path, tmp_path: Path) -> None:
    spec = ClusterSpec("judged", Parts({}, "none"), tmp_path / "state")
    with pytest.raises(ClusterFailed, match="--cluster-file"):
        CapiProvider().create(spec)
    text = f'template = "in-memory"\n[management]\nkubeconfig = "{kubeconfig}"\n'
    with pytest.raises(ClusterFailed, match="in-memory is simulated: no pod runs"):
        CapiProvider().create(dataclasses.replace(spec, settings=_written(tmp_path, text)))
    assert not (tmp_path / "state").exists()


def test_management_cluster_that_is_lost_leaves_a_line_with_what_removes_it(kubeconfig: Path, tmp_path: Path) -> None:
    kubeconfig.write_text(kubeconfig.read_text().replace("192.0.2.1:6443", "127.0.0.1:9"))
    held = leases.acquire("capi cluster of a test").keep()
    plan = Plan("lost", f"{held.label}-capi", access.find([kubeconfig]), "in-memory", 1.0, False)
    removal.announce(held.root, plan.namespace, plan.access.files, plan.access.context)
    note = held.root / removal.NOTE
    try:
        (incident,) = CapiCluster(plan, held).incidents()
        CapiCluster(plan, held).collect_logs(tmp_path / "logs")
        assert incident.startswith("the cluster at https://127.0.0.1:9 cannot be reached")
        assert (tmp_path / "logs" / "conditions.txt").read_text() == f"{incident}\n"
        for _ in range(2):
            left = CapiCluster(plan, held).destroy()
            assert left[0].startswith(
                f"left: namespace {plan.namespace} (not known whether it is still there): the cluster"
            )
            assert left[1] == (
                "left: remove it with python -m pipelines clean, or from elsewhere python -m pipelines clean "
                f"{plan.access.options}; if that management cluster is gone for good, remove {note}"
            )
            (known,) = [one for one in leases.leases() if one.label == held.label]
            assert not known.kept, "or no clean would try again"
        kubeconfig.unlink()
        assert "cannot be read" in CapiCluster(plan, held).destroy()[0]
    finally:
        note.unlink()
        held.release()
    assert leases.find(held.label) is None


def test_run_with_a_wrong_value_is_refused_before_it_begins(kubeconfig: Path, tmp_path: Path) -> None:
    head = f'template = "gcp"\n[management]\nkubeconfig = "{kubeconfig}"\n{free("gcp")}'
    head += '[values]\nproject = "seatrial-tests"\n'
    told = _run("--provider", "capi", "--cluster-file", str(_written(tmp_path, head + 'region = "here"\n')))
    assert "region: 'here' is not a region, like europe-west1 (where it runs)" in told
    assert "image is not given" in told
    assert "--cluster-file FILE" in _run("--provider", "capi")


def test_run_that_would_be_too_dear_is_refused_before_it_begins(kubeconfig: Path, tmp_path: Path) -> None:
    lines = [f"{name} = {value!r}" for name, value in values_for("gcp", tmp_path).items()]
    head = f'template = "gcp"\n[management]\nkubeconfig = "{kubeconfig}"\n'
    head += free("gcp").replace("'google_compute_disk', ", "") + "[[cost.price]]\n"
    head += 'type = "google_compute_disk"\nhourly = 0.1\ntimes = "size"\nsource = "a list"\n[values]\n'
    told = _run("--provider", "capi", "--cluster-file", str(_written(tmp_path, head + "\n".join(lines))))
    assert "1 thing to correct:" in told
    assert "cluster.toml: it would cost 90.00 USD in 6 hours; the ceiling is 0.00" in told


def test_cluster_of_another_kubernetes_than_the_candidates_is_not_made(kubeconfig: Path, tmp_path: Path) -> None:
    lines = [f"{name} = {value!r}" for name, value in values_for("gcp", tmp_path).items()]
    head = f'template = "gcp"\n[management]\nkubeconfig = "{kubeconfig}"\n{free("gcp")}[values]\n'
    path = _written(tmp_path, head + "\n".join(lines))
    kubernetes = Part("kubernetes", "1.37.2", "", "", {}, {}, ())
    with pytest.raises(
        ClusterFailed, match=r"kubernetes_version is v1.36.2, and the candidate's Kubernetes is v1.37.2"
    ):
        settings.for_suites(path, Parts({"kubernetes": kubernetes}, "test"))
    same = dataclasses.replace(kubernetes, version="1.36.2")
    assert settings.for_suites(path, Parts({"kubernetes": same}, "test")).template == "gcp"


def test_command_lists_templates_and_checks_a_file(kubeconfig: Path, tmp_path: Path) -> None:
    listed = _ran("-m", "fixtures.clusters.capi", "templates")
    assert listed.returncode == 0
    assert "workers               a whole number from 0 to 50 (worker machines; default 2)" in listed.stdout
    head = f'template = "in-memory"\n[management]\nkubeconfig = "{kubeconfig}"\n[values]\n'
    checked = _ran("-m", "fixtures.clusters.capi", "check", str(_written(tmp_path, head)))
    assert "8 objects of the template in-memory on https://192.0.2.1:6443\n" in checked.stdout
    assert checked.stdout.endswith("  it costs nothing: the machines are simulated\n")
    wrong = _ran("-m", "fixtures.clusters.capi", "check", str(_written(tmp_path, head + "workers = -1\n")))
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "workers: -1 is not a whole number from 0 to 50" in wrong.stderr


def _run(*options: str) -> str:
    """What `pipelines run` says as it refuses these options."""
    done = _ran("-m", "pipelines", "run", *options)
    assert done.returncode not in (0, 1), done.stdout
    return done.stdout + done.stderr


def _ran(*arguments: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, *arguments]
    return subprocess.run(argv, capture_output=True, text=True, cwd=Path(__file__).parents[3], check=False)
