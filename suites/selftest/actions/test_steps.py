"""Every script of our workflows and actions, run by bash as GitHub runs it: outputs, summary, annotations, result."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from reports import attest
from reports.keys import generate_key, public_path
from suites.selftest.actions import judges, reading, runs
from suites.selftest.actions.machine import Job, Machine

TRIAL = runs.FILES


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A runner whose workspace is a release repository."""
    monkeypatch.setenv("SEATRIAL_HOME", str(tmp_path / "home"))
    made = Machine(tmp_path, variables={"PRETEND": "pass"})
    runs.inputs(made.workspace)
    return made


def trial(machine: Machine, what: str = "pass") -> Job:
    machine.variables["PRETEND"] = what
    return machine.job("trial.yml", "trial", inputs=TRIAL)


def gate(machine: Machine, need: Any) -> Job:
    return machine.job("trial.yml", "gate", inputs=TRIAL, needs={"trial": need})


def test_trial_that_passes_keeps_its_record_and_its_gate_passes(machine: Machine) -> None:
    first = trial(machine)
    assert (first.result, first.outputs, first.annotations) == ("success", {"attempt": "1"}, [])
    assert [path.name for path in (machine.root / "artifacts").iterdir()] == ["seatrial-trial-attempt-1"]
    decided = gate(machine, first.as_need())
    assert (decided.result, decided.annotations) == ("success", [])
    assert decided.outputs == {"verdict": "PASS", "artifact": "seatrial-trial-attempt-1"}
    assert decided.summary.startswith("## PASS: atlas 7")


def test_trial_that_fails_keeps_its_record_and_its_gate_annotates_what_blocks(machine: Machine) -> None:
    first = trial(machine, "fail")
    assert (first.result, first.outputs) == ("failure", {"attempt": "1"})
    decided = gate(machine, first.as_need())
    assert (decided.result, decided.outputs["verdict"]) == ("failure", "FAIL")
    (line,) = [line for line in decided.annotations if f"::{runs.FAILING} does not hold" in line]
    assert line.startswith("::error file=candidate.toml,line=")
    assert f"{runs.FAILING} does not hold" in decided.summary
    assert [item.status for item in decided.ran][-1] == 1


def test_words_of_a_component_are_never_commands(machine: Machine) -> None:
    first = trial(machine, "fail")
    assert "::error file=x::owned" in first.text
    assert first.annotations == []
    decided = gate(machine, first.as_need())
    assert not [line for line in decided.annotations if line.startswith(("::error file=x", "::set-output"))]


@pytest.mark.parametrize(("what", "verdict"), [("unfinished", "INCONCLUSIVE"), ("nothing", "INCONCLUSIVE")])
def test_trial_that_ends_early_is_no_pass(what: str, verdict: str, machine: Machine) -> None:
    first = trial(machine, what)
    assert first.result == "failure"
    decided = gate(machine, first.as_need())
    assert (decided.result, decided.outputs["verdict"]) == ("failure", verdict)


@pytest.mark.parametrize("result", ["failure", "cancelled", "skipped"])
def test_gate_fails_on_every_other_result_although_a_passing_record_is_there(result: str, machine: Machine) -> None:
    first = trial(machine)
    decided = gate(machine, {**first.as_need(), "result": result})
    assert (decided.result, decided.outputs["verdict"]) == ("failure", "INCONCLUSIVE")
    assert len(decided.annotations) == 1


def test_rerun_leaves_the_older_artifact_and_judges_the_newer_one(machine: Machine) -> None:
    trial(machine, "pass")
    machine.attempt = 2
    second = trial(machine, "fail")
    assert second.outputs == {"attempt": "2"}
    assert len(list((machine.root / "artifacts").iterdir())) == 2
    assert gate(machine, {**second.as_need(), "result": "success"}).outputs["verdict"] == "FAIL"


def test_failed_installation_ends_every_job_without_a_pass(machine: Machine) -> None:
    first = trial(machine)
    machine.variables["PIP_STATUS"] = "1"
    assert trial(machine).result == "failure"
    assert gate(machine, first.as_need()).result == "failure"


def test_installation_takes_the_lock_with_its_hashes(machine: Machine) -> None:
    trial(machine)
    logged = (machine.root / "pip.log").read_text().splitlines()
    assert len(logged) == 1
    assert re.search(r"install .*--require-hashes -r requirements.lock$", logged[0])


def test_inputs_of_a_leg_reach_the_command_line(machine: Machine) -> None:
    leg = {"name": "five", "nodes": 5, "provider": "kubeconfig", "kubeconfig": "/k/config"}
    given = {**TRIAL, "legs": "[]", "profile": "full", "quarantine": "quarantine.toml", "basis": "basis.json"}
    job = machine.job("matrix.yml", "legs", inputs=given, matrix={"leg": leg})
    (told,) = [line for line in job.text.splitlines() if line.startswith("options:")]
    for words in ("--profile full", "--nodes 5", "--provider kubeconfig", "--kubeconfig /k/config"):
        assert words in told
    for option in ("candidate", "pipeline", "policy", "waivers", "quarantine", "basis"):
        assert f"--{option} {machine.workspace}/{given[option]}" in told
    assert job.outputs == {"attempt": "1"}


def test_trial_action_alone_gives_verdict_and_run_folder(machine: Machine) -> None:
    (machine.root / "temp").mkdir()
    good, outputs = machine.action("trial", {"candidate": "candidate.toml"}, [])
    assert (good, outputs["verdict"]) == (True, "PASS")
    assert (Path(outputs["run-folder"]) / "report.html").is_file()


def test_matrix_passes_only_with_every_leg(machine: Machine) -> None:
    legs = [{"name": "one"}, {"name": "two"}]
    given = {**TRIAL, "legs": json.dumps(legs)}
    needs = {"legs": machine.job("matrix.yml", "legs", inputs=given, matrix={"leg": legs[0]}).as_need()}
    lost = machine.job("matrix.yml", "gate", inputs=given, needs=needs)
    assert (lost.result, lost.outputs["verdict"]) == ("failure", "INCONCLUSIVE")
    machine.job("matrix.yml", "legs", inputs=given, matrix={"leg": legs[1]})
    whole = machine.job("matrix.yml", "gate", inputs=given, needs=needs)
    assert (whole.result, whole.outputs["artifact"]) == ("success", "seatrial-one-attempt-1")


def test_project_s_own_gate_waits_for_tests_and_trial(machine: Machine) -> None:
    shipped = machine.workspace / "pipelines" / "candidates" / "default.toml"
    shipped.parent.mkdir(parents=True)
    shipped.write_text(runs.RELEASE)
    first = machine.job("ci.yml", "trial")
    assert first.result == "success"
    needs = {"tests": {"result": "failure", "outputs": {}}, "trial": first.as_need()}
    decided = machine.job("ci.yml", "gate", needs=needs)
    assert decided.result == "failure"
    assert "The job tests failed" in decided.text


def release(machine: Machine, artifact: str, environment: str = "dev", **inputs: str) -> Job:
    given = {"artifact": artifact, "environment": environment, "keys": "release.pub.pem\n", "branch": "deployments"}
    given |= inputs
    return machine.job("promote.yml", "promote", inputs=given, secrets={"SEATRIAL_LEDGER_KEY": key(machine, "ledger")})


def back(machine: Machine, to: str, **inputs: str) -> Job:
    given = {"environment": "dev", "to": to, "why": "-- pods hang", **inputs}
    return machine.job(
        "rollback.yml", "rollback", inputs=given, secrets={"SEATRIAL_LEDGER_KEY": key(machine, "ledger")}
    )


def sign(machine: Machine, artifact: str, name: str = "release", **inputs: Any) -> Job:
    given = {"artifact": artifact, **TRIAL, **inputs}
    return machine.job("sign-off.yml", "sign-off", inputs=given, secrets={"SEATRIAL_SIGNING_KEY": key(machine, name)})


@pytest.mark.parametrize("value", ["", " \n"])
def test_secret_that_the_environment_lacks_is_told_by_its_name(machine: Machine, branch: Path, value: str) -> None:
    """GitHub makes an empty text of a secret that is not there, and calls that passed on."""
    trial(machine)
    signed = sign(machine, "seatrial-trial-attempt-1").outputs["artifact"]
    given = {"artifact": "seatrial-trial-attempt-1", **TRIAL}
    unsigned = machine.job("sign-off.yml", "sign-off", inputs=given, secrets={"SEATRIAL_SIGNING_KEY": value})
    given = {"artifact": signed, "environment": "dev", "keys": "release.pub.pem\n"}
    kept = machine.job("promote.yml", "promote", inputs=given, secrets={"SEATRIAL_LEDGER_KEY": value})
    for job, name in ((unsigned, "SEATRIAL_SIGNING_KEY"), (kept, "SEATRIAL_LEDGER_KEY")):
        assert job.result == "failure"
        (line,) = job.annotations
        assert f"the secret {name} is empty here" in line
    assert pushed(branch) == []


def key(machine: Machine, name: str) -> str:
    """The secret with this key; its public half lies in the repository."""
    path = machine.root / f"{name}.pem"
    if not path.exists():
        generate_key(path)
        (machine.workspace / f"{name}.pub.pem").write_bytes(public_path(path).read_bytes())
    return path.read_text()


@pytest.fixture
def branch(machine: Machine) -> Path:
    """The branch of releases: a remote, and its checkout in the workspace."""
    remote, checkout = machine.root / "remote.git", machine.workspace / "deployments"
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=deployments"]
    subprocess.run([*git, "init", "--quiet", "--bare", str(remote)], check=True)
    subprocess.run([*git, "clone", "--quiet", str(remote), str(checkout)], check=True, capture_output=True)
    subprocess.run([*git, "commit", "--quiet", "--allow-empty", "-m", "start"], cwd=checkout, check=True)
    subprocess.run([*git, "push", "--quiet", "origin", "HEAD:refs/heads/deployments"], cwd=checkout, check=True)
    return remote


def pushed(remote: Path) -> list[str]:
    """The files of the branch."""
    command = ["git", "ls-tree", "-r", "--name-only", "deployments"]
    return subprocess.run(command, cwd=remote, capture_output=True, text=True, check=True).stdout.split()


def test_signed_run_is_attested_promoted_and_pushed_with_its_ledger(machine: Machine, branch: Path) -> None:
    trial(machine)
    signed = sign(machine, "seatrial-trial-attempt-1")
    assert (signed.result, signed.outputs) == ("success", {"artifact": "signed-1-seatrial-trial-attempt-1"})
    there = machine.root / "artifacts" / "signed-1-seatrial-trial-attempt-1"
    (run,) = [path.parent for path in there.glob("*/run.json")]
    checked = attest.verify(run / attest.SIGNOFF, keys=[machine.workspace / "release.pub.pem"])
    assert (checked.ok, checked.trusted, checked.verdict) == (True, True, "PASS")
    bundle = json.loads((run / "attestation.sigstore.json").read_text())
    assert b"csi-driver/driver" in base64.b64decode(bundle["dsseEnvelope"]["payload"])
    done = release(machine, signed.outputs["artifact"])
    assert (done.result, done.annotations) == ("success", [])
    assert "dev: promoted" in done.summary
    assert {"dev.json", "ledger/ledger.jsonl", "ledger/head.dsse.json"} <= set(pushed(branch))
    assert list((machine.root / "artifacts").glob("*/*.pem")) == []


def test_sign_off_leaves_the_basis_that_the_next_candidate_is_compared_with(machine: Machine) -> None:
    trial(machine)
    there = machine.root / "artifacts" / sign(machine, "seatrial-trial-attempt-1").outputs["artifact"]
    shutil.copy(there / "next-basis.json", machine.workspace / "basis.json")
    machine.attempt = 2
    given = {**TRIAL, "basis": "basis.json"}
    second = machine.job("trial.yml", "trial", inputs=given)
    decided = machine.job("trial.yml", "gate", inputs=given, needs={"trial": second.as_need()})
    assert decided.outputs["verdict"] == "PASS"
    forgot = machine.job("trial.yml", "gate", inputs=TRIAL, needs={"trial": second.as_need()})
    assert forgot.outputs["verdict"] == "INVALID"


def test_environment_is_put_back_with_a_reason_and_a_change_by_hand_is_refused(machine: Machine, branch: Path) -> None:
    promoted = []
    for attempt, version in ((1, "7"), (2, "8")):
        machine.attempt = attempt
        (machine.workspace / "candidate.toml").write_text(
            runs.RELEASE.replace('version = "7"', f'version = "{version}"')
        )
        trial(machine)
        signed = sign(machine, f"seatrial-trial-attempt-{attempt}").outputs["artifact"]
        assert release(machine, signed).result == "success"
        promoted.append(json.loads(shown(branch))["signoff"]["run"])
    done = back(machine, promoted[0])
    assert (done.result, done.annotations) == ("success", [])
    assert "dev: rolled back" in done.summary
    there = json.loads(shown(branch))
    assert (there["signoff"]["run"], there["why"], there["by"]) == (promoted[0], "-- pods hang", "alice")
    assert "nothing changed" in back(machine, promoted[0]).summary
    (machine.workspace / "deployments" / "dev.json").write_text("by hand")
    refused = back(machine, promoted[1])
    assert refused.result == "failure"
    assert any("changed by hand" in line for line in refused.annotations)
    assert "dev: not rolled back" in refused.summary
    assert back(machine, promoted[1], overwrite="nobody knows who did it").result == "success"
    assert json.loads(shown(branch))["signoff"]["run"] == promoted[1]


def test_older_release_is_promoted_only_with_a_reason_and_over_a_change_by_hand_too(
    machine: Machine, branch: Path
) -> None:
    signed = []
    for attempt, version in ((1, "7"), (2, "8")):
        machine.attempt = attempt
        release_file = machine.workspace / "candidate.toml"
        release_file.write_text(runs.RELEASE.replace('version = "7"', f'version = "{version}"'))
        trial(machine)
        signed.append(sign(machine, f"seatrial-trial-attempt-{attempt}").outputs["artifact"])
    assert release(machine, signed[1]).result == "success"
    newer = json.loads(shown(branch))["signoff"]["run"]
    refused = release(machine, signed[0])
    assert refused.result == "failure"
    assert any("has a newer release" in line for line in refused.annotations)
    assert release(machine, signed[0], why="--8 loses data").result == "success"
    there = json.loads(shown(branch))
    assert there["signoff"]["run"] != newer
    assert there["why"] == "--8 loses data"
    (machine.workspace / "deployments" / "dev.json").write_text("by hand")
    assert release(machine, signed[1]).result == "failure"
    assert release(machine, signed[1], overwrite="nobody knows who did it").result == "success"
    assert json.loads(shown(branch))["signoff"]["run"] == newer


def shown(remote: Path) -> str:
    """What dev runs, as the branch says."""
    command = ["git", "show", "deployments:dev.json"]
    return subprocess.run(command, cwd=remote, capture_output=True, text=True, check=True).stdout


def test_promotion_out_of_turn_is_refused_annotated_and_changes_no_release(machine: Machine, branch: Path) -> None:
    trial(machine)
    refused = release(machine, sign(machine, "seatrial-trial-attempt-1").outputs["artifact"], "production")
    assert refused.result == "failure"
    assert any("was not promoted to" in line for line in refused.annotations)
    assert "production: not promoted" in refused.summary
    assert "production.json" not in pushed(branch)


def test_run_that_fails_is_not_signed(machine: Machine) -> None:
    trial(machine, "fail")
    refused = sign(machine, "seatrial-trial-attempt-1")
    assert refused.result == "failure"
    assert refused.annotations
    assert [path.name for path in (machine.root / "artifacts").iterdir()] == ["seatrial-trial-attempt-1"]


def test_what_the_trial_s_runner_decided_and_signed_is_not_taken_over(machine: Machine) -> None:
    trial(machine)
    (decision,) = (machine.root / "artifacts").glob("*/*/decisions/dev.json")
    forged = {**json.loads(decision.read_text()), "decided": "2099-01-01T00:00:00Z"}
    decision.write_text(json.dumps(forged))
    assert sign(machine, "seatrial-trial-attempt-1").result == "success"
    (signed,) = (machine.root / "artifacts").glob("signed-*/*/decisions/dev.json")
    assert "2099" not in signed.read_text()


def test_second_role_adds_its_signature_to_a_sign_off_only(machine: Machine) -> None:
    trial(machine)
    assert sign(machine, "seatrial-trial-attempt-1", "security", add=True).result == "failure"
    first = sign(machine, "seatrial-trial-attempt-1")
    second = sign(machine, first.outputs["artifact"], "security", add=True, attest=False)
    assert second.outputs == {"artifact": "signed-2-seatrial-trial-attempt-1"}
    (envelope,) = (machine.root / "artifacts" / second.outputs["artifact"]).glob(f"*/{attest.SIGNOFF}")
    keys = [machine.workspace / f"{name}.pub.pem" for name in ("release", "security")]
    assert attest.verify(envelope, keys=keys, threshold=2).trusted


def test_every_script_is_run_by_a_test_here(machine: Machine, branch: Path) -> None:
    """A script that no job of this test runs would be one that nobody has proven."""
    trial(machine)
    signed = sign(machine, "seatrial-trial-attempt-1")
    jobs = [trial(machine, "fail"), gate(machine, {"result": "success"}), signed]
    jobs += [release(machine, signed.outputs["artifact"]), back(machine, "nothing")]
    ran = {item.name for job in jobs for item in job.ran}
    files = [*sorted(judges.WORKFLOWS.glob("*.yml")), *judges.actions()]
    scripts = {step["name"] for path in files for step in reading.steps(reading.read(path)) if "run" in step}
    # The project's own CI, which users do not call. Those of kind.yml need a hosted runner with Docker, those of
    # capi.yml half an hour of building: unproven here.
    own = {"Run the project's own tests"}
    own |= {"Install what a node image is made with", "Run the tests of the kind provider"}
    own |= {"Run the tests of the Cluster API provider"}
    assert scripts - ran == own
