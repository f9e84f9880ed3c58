"""What the command line accepts, with help for people who see it for the first time."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipelines import VERSION, janitor, pipeline, policy, quarantine, upgrading, waivers
from pipelines.given import Named as _Named
from pipelines.given import named as _named
from pipelines.given import path as _path
from reports.recorder import revision

CANDIDATE = Path(__file__).parent / "candidates" / "default.toml"

ABOUT = """\
Seatrial takes a candidate (the exact components of a Kubernetes release) through stages of tests and says whether
it may go into production. Start here:

  python -m pipelines doctor     can this machine do it? one screen, with the commands that repair what is missing
  python -m pipelines run        the default candidate through the default pipeline
  python -m pipelines clean      remove whatever a killed run left on this machine
"""
CODES = """\
exit codes: 0 PASS, 1 FAIL (a required clause does not hold), 2 INCONCLUSIVE (something required is not known),
3 INVALID (the run or what you gave it cannot be used), 130 stopped (Ctrl-C, SIGTERM).
"""
ENDS = f"{CODES}The tests alone, without any of this: pytest suites/csi --csi-endpoint unix:///path/of/your/driver.sock"
NEW_KEY = """\
a new key: the private half stays with you, the public half goes to everybody who verifies
  openssl genpkey -algorithm ed25519 -out alice.pem
  openssl pkey -in alice.pem -pubout -out alice.pub.pem
"""


class _Version(argparse.Action):
    """Tells version and commit. The commit costs a call of git, so it is asked for only here."""

    def __call__(self, parser: argparse.ArgumentParser, *_given: object) -> None:
        print(f"Seatrial {VERSION} ({revision()})")
        parser.exit()


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser(
        prog="python -m pipelines",
        description=ABOUT,
        epilog=ENDS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action=_Version, nargs=0, help="say which Seatrial this is, and end")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, does: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=does, description=f"{does[0].upper()}{does[1:]}.", epilog=CODES)

    _run(add("run", "take a candidate through the stages"))
    _doctor(add("doctor", "say what this machine can and cannot do"))
    _provision(add("provision", "fetch and build a candidate's parts into the cache, and stop"))
    _clean(add("clean", "remove what dead runs left on this machine"))
    _cluster(add("cluster", "a cluster you have: what a run would make in it, and what it needs"))
    janitor.options(add("janitor", "what of ours has expired in a cloud; --delete removes it"))
    _verify(add("verify", "check a signed sign-off, offline"))
    _report(add("report", "render the report of a run again"))
    _gate(add("gate", "decide again from a run's files, on any machine"))
    merge = add("merge", "make one run of the shards of a run, and let its gates decide")
    merge.add_argument("runs", type=_path, nargs="+", metavar="RUN", help="the shards' run folders")
    merge.add_argument("--runs-dir", type=_path, default=Path("runs"), metavar="DIR", help="where the run goes (runs)")
    _import(add("import", "add an established suite's results to a run, and decide again"))
    _history(add("history", "one page of many runs, or two runs clause by clause"))
    _replay(add("replay", "decide old runs again under a new policy, and show what changes"))
    _promote(add("promote", "release what a sign-off stands for, by its digests"))
    _sign(add("sign", "sign a run's sign-off with your key, or add your signature to it"))
    _rollback(add("rollback", "put an environment back to what it ran before"))
    _ledger(add("ledger", "check the ledger of promotions, offline"))
    lock = add("lock", "check a candidate file and print what it pins")
    _candidate(lock)
    return top


def _candidate(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--candidate", type=_path, default=CANDIDATE, metavar="FILE", help="what is judged (default: the one shipped)"
    )


def _choice(command: argparse.ArgumentParser) -> None:
    """Which candidate, which stages, how much of them."""
    _candidate(command)
    command.add_argument(
        "--pipeline", type=_path, default=pipeline.DEFAULT, metavar="FILE", help="the stages (default: stages.toml)"
    )
    command.add_argument("--stage", default="", metavar="NAME", help="stop after this stage (default: the last)")
    command.add_argument("--from", dest="upgrade_from", type=_path, metavar="FILE", help=upgrading.FROM)
    command.add_argument("--from-key", type=_path, action="append", default=[], metavar="PEM", help=upgrading.FROM_KEY)
    command.add_argument(
        "--profile",
        choices=pipeline.PROFILES,
        default="quick",
        help="quick (default): what matters most, in minutes; full: everything",
    )
    command.add_argument(
        "--no-install", action="store_true", help="never install a system package; say which is missing and end"
    )


def _run(command: argparse.ArgumentParser) -> None:
    _choice(command)
    command.add_argument("--policy", type=_path, metavar="FILE", help="what gates require (default: the stages' own)")
    command.add_argument(
        "--waivers", type=_path, default=waivers.DEFAULT, metavar="FILE", help="who lets which failure by, until when"
    )
    command.add_argument("--quarantine", type=_path, default=quarantine.DEFAULT, metavar="FILE", help="flaky tests")
    command.add_argument(
        "--basis", type=_path, metavar="RUN", help="the last signed run (or its basis.json): what is compared with it"
    )
    command.add_argument(
        "--basis-key", type=_path, action="append", default=[], metavar="PEM", help="who must have signed the basis"
    )
    command.add_argument("--runs-dir", type=_path, default=Path("runs"), metavar="DIR", help="where runs go (runs)")
    command.add_argument("--seed", type=int, metavar="N", help="repeat a run's random choices (default: fresh)")
    shard = command.add_argument_group("one of several machines that share the tests; then merge")
    shard.add_argument("--shard", default="", metavar="I/N", help="run the I-th of N parts (I from 0), decide nothing")
    shard.add_argument(
        "--run-id", default="", metavar="NAME", help="what all shards call their run; without --seed it sets that, too"
    )
    cluster = command.add_argument_group("the cluster of the staging stage")
    cluster.add_argument(
        "--provider",
        choices=("local", "kind", "capi", "tofu", "kubeconfig"),
        default="local",
        help="local (default): a fresh one on this machine; kind: a fresh one in containers; capi, tofu: one "
        "that Cluster API, or an OpenTofu or Terraform module, makes; kubeconfig: one you have",
    )
    cluster.add_argument("--cluster-file", type=_path, metavar="FILE", help="with capi and tofu: what is made")
    cluster.add_argument("--nodes", type=int, default=2, metavar="N", help="nodes of a fresh cluster (2)")
    cluster.add_argument("--keep-cluster", action="store_true", help="leave it running and say how to use it")
    cluster.add_argument("--kubeconfig", action=_Named, default="", metavar="FILE", help="with --provider kubeconfig")
    _reach(cluster)
    _pod_security(cluster)
    cluster.add_argument("--allow-disruptive", action="store_true", help="also tests that restart parts of it")


def _reach(command: argparse._ActionsContainer) -> None:
    """Which context of a kubeconfig, and as whom."""
    command.add_argument("--kube-context", action=_Named, default="", metavar="NAME", help="the context in it")
    command.add_argument(
        "--as", dest="as_user", action=_Named, default="", metavar="USER", help="act as USER there, as with kubectl"
    )
    command.add_argument("--as-group", type=_named, action="append", default=[], metavar="GROUP", help="and in GROUP")


def _pod_security(command: argparse._ActionsContainer) -> None:
    command.add_argument(
        "--pod-security",
        choices=("baseline", "privileged"),
        default="baseline",
        help="what our namespaces in it admit (baseline); privileged: also pods in a node's network",
    )


def _cluster(command: argparse.ArgumentParser) -> None:
    actions = command.add_subparsers(dest="action", required=True, metavar="ACTION")
    plan = actions.add_parser(
        "plan", help="list what a run would make there, and which right is missing; exit code 2: one is. Makes nothing"
    )
    plan.add_argument(
        "--kubeconfig", action=_Named, default="", metavar="FILE", help="the cluster (default: as with kubectl)"
    )
    plan.add_argument(
        "--cluster-file",
        type=_path,
        metavar="FILE",
        help="instead: of --provider capi or tofu, with an estimate of the cost",
    )
    _reach(plan)
    rights = actions.add_parser("rights", help="print the manifest of an account with the least rights")
    rights.add_argument("--namespace", default="seatrial", metavar="NAME", help="where the account is (seatrial)")
    for action in (plan, rights):
        _pod_security(action)


def _doctor(command: argparse.ArgumentParser) -> None:
    command.description = "Exit code 0: this machine can run the default pipeline. 2: not yet; the screen says why."


def _provision(command: argparse.ArgumentParser) -> None:
    _choice(command)
    command.add_argument("--json", action="store_true", help="write one JSON object a line instead of text")


def _clean(command: argparse.ArgumentParser) -> None:
    command.description = "Removes processes, mounts, network and cgroup objects of runs whose owner is dead."
    command.add_argument("--kept", action="store_true", help="also clusters that were kept with --keep-cluster")
    command.add_argument(
        "--kubeconfig", type=_named, metavar="FILE", help="instead: what dead runs left in this existing cluster"
    )
    _reach(command)
    command.add_argument("--all", action="store_true", help="there, also what runs on other machines made")
    command.add_argument("--cache", action="store_true", help="also everything fetched and built (asks first)")
    command.add_argument("--yes", action="store_true", help="do not ask")


def _verify(command: argparse.ArgumentParser) -> None:
    command.description = (
        "Exit code: that of the verdict that was signed (0 PASS, 1 FAIL, 2 INCONCLUSIVE), 3 where the sign-off does "
        "not hold. A PASS without --key or --roles ends with 2: nobody checked who signed it."
    )
    command.add_argument("signoff", type=_path, metavar="FILE", help="signoff.dsse.json, or the run folder it is in")
    _signers(command)
    command.add_argument(
        "--no-signature", action="store_true", help="only whether anything was changed since; not who signed"
    )


def _report(command: argparse.ArgumentParser) -> None:
    command.description = "A signed run binds its report, so that of one goes elsewhere (-o)."
    command.add_argument("run", type=_path, metavar="RUN", help="a run folder, e.g. runs/20261123-221500-1a2b")
    command.add_argument("--pdf", action="store_true", help="write report.pdf, and nothing else")
    command.add_argument("-o", "--out", type=_path, metavar="DIR", help="where it goes (default: into RUN)")
    command.add_argument(
        "--replace-sign-off", action="store_true", help="the run is signed: remove that, and sign again yourself"
    )


def _gate(command: argparse.ArgumentParser) -> None:
    command.add_argument("run", type=_path, metavar="RUN", help="a run folder; it holds all inputs of its gates")
    command.add_argument("--stage", default="", metavar="NAME", help="only this stage (default: all that have decided)")
    command.add_argument("--policy", type=_path, metavar="FILE", help="another policy than the run's")
    command.add_argument("--waivers", type=_path, metavar="FILE", help="other waivers than the run's")
    command.add_argument("--now", default="", metavar="TIME", help="decide as of this time, e.g. 2026-12-01T00:00:00Z")
    command.add_argument("--json", action="store_true", help="print the decisions as JSON")


def _import(command: argparse.ArgumentParser) -> None:
    formats = command.add_subparsers(dest="format", required=True, metavar="FORMAT")
    junit = formats.add_parser("junit", help="a JUnit file as Ginkgo writes it (hydrophone, sonobuoy, ...)")
    junit.add_argument("file", type=_path, metavar="FILE", help="e.g. junit_01.xml")
    junit.add_argument("--suite", required=True, choices=policy.IMPORTS, help="whose results they are")
    junit.add_argument("--expected", required=True, type=int, metavar="N", help="cases that the suite must have run")
    junit.add_argument("--component", default="", metavar="NAME", help="the candidate's component that it judged")
    junit.add_argument("--run", required=True, type=_path, metavar="RUN", help="the run folder that they belong to")
    junit.add_argument("--stage", default="", metavar="NAME", help="the stage in it (default: its last with tests)")
    junit.add_argument("--started", default="", metavar="TIME", help="when the suite ran (default: as the file says)")
    junit.add_argument(
        "--replace-sign-off", action="store_true", help="the run is signed: remove that, and sign again yourself"
    )


def _history(command: argparse.ArgumentParser) -> None:
    actions = command.add_subparsers(dest="action", required=True, metavar="ACTION")
    index = actions.add_parser("index", help="write index.html: every run, figures over time, flaky tests")
    index.add_argument("runs", type=_named, metavar="RUNS", help="the folder that holds the runs, or oci:HOST/PATH")
    index.add_argument("-o", "--out", type=_path, required=True, metavar="DIR", help="where index.html goes")
    index.add_argument("--check", action="store_true", help="check every file and sign-off, also large files")
    compare = actions.add_parser(
        "compare", help="what differs between two runs; exit code 1: a clause stands worse in the second"
    )
    compare.add_argument("first", type=_named, metavar="A", help="a run folder, or oci:HOST/PATH:RUN")
    compare.add_argument("second", type=_named, metavar="B", help="a later one")
    compare.add_argument("--html", type=_path, metavar="FILE", help="write it as a page, too")
    push = actions.add_parser("push", help="keep runs in an OCI registry; the same run again changes nothing")
    push.add_argument("runs", type=_path, nargs="+", metavar="RUN", help="run folders, e.g. runs/*")
    push.add_argument("--replace", action="store_true", help="overwrite a run of that name that has other files")
    pull = actions.add_parser("pull", help="bring runs from there; those that are here already are left alone")
    pull.add_argument("runs", type=_named, nargs="*", metavar="RUN", help="their names (default: all)")
    pull.add_argument("--runs-dir", type=_path, default=Path("runs"), metavar="DIR", help="where they go (runs)")
    pull.add_argument("--evidence", action="store_true", help="also evidence and logs, which are most of a run")
    for command in (push, pull):
        command.add_argument("--repository", type=_named, required=True, metavar="HOST/PATH", help="where runs are")


def _replay(command: argparse.ArgumentParser) -> None:
    command.description = (
        "Decides old runs again, each as of the time it was decided, and lists clause by clause what would have come "
        "out differently. Exit code 0: every verdict is the same. 1: one is not. 2: a run could not be replayed."
    )
    command.add_argument("runs", type=_path, nargs="+", metavar="RUN", help="run folders, e.g. runs/*")
    command.add_argument("--policy", type=_path, metavar="FILE", help="the new policy (default: each run's own)")
    command.add_argument("--waivers", type=_path, metavar="FILE", help="other waivers than the runs' own")
    command.add_argument("--json", action="store_true", help="print the differences as JSON")


def _promote(command: argparse.ArgumentParser) -> None:
    command.add_argument("run", type=_path, metavar="RUN", help="a run folder with signoff.dsse.json")
    command.add_argument("--to", type=_named, required=True, metavar="ENV", help="an environment of its pipeline")
    _signers(command)
    command.add_argument(
        "--digest",
        type=_named,
        action="append",
        default=[],
        metavar="sha256:...",
        help="what is deployed: refused unless tested",
    )
    command.add_argument(
        "--why",
        default="",
        metavar="TEXT",
        help="the reason for an older release than runs there, or for another order of environments than the ledger "
        "knows (else refused); kept in the ledger",
    )
    _release(command)


def _sign(command: argparse.ArgumentParser) -> None:
    command.formatter_class = argparse.RawDescriptionHelpFormatter
    command.epilog = f"{NEW_KEY}\n{CODES}"
    command.add_argument("run", type=_path, metavar="RUN", help="a run folder that holds decisions")
    command.add_argument(
        "--key",
        type=_named,
        action="append",
        default=[],
        metavar="KEY",
        help="a private key file, or SCHEME:KEY#PUBLIC.pem for one in a key service (awskms, azurekms, gcpkms, hv) or "
        "a token (hsm); without any, this machine's own key signs, which nobody trusts",
    )
    command.add_argument("--add", action="store_true", help="beside the signatures that are there (M of N)")
    command.add_argument(
        "--replace-sign-off", action="store_true", help="instead of the signatures that are there, which are dropped"
    )
    command.add_argument("--keyless", action="store_true", help="by the identity that this machine has, by sigstore")
    command.add_argument("--finish", action="store_true", help="only do what a signing that was killed had begun")
    command.add_argument("--sigstore", type=_path, metavar="FILE", help="with --keyless: a private one's trust config")


def _rollback(command: argparse.ArgumentParser) -> None:
    command.add_argument("environment", type=_named, metavar="ENV", help="what is put back")
    command.add_argument("--to", type=_named, required=True, metavar="CANDIDATE", help="its sha256 or its run's id")
    command.add_argument("--why", required=True, metavar="TEXT", help="kept in the ledger")
    _release(command)


def _release(command: argparse.ArgumentParser) -> None:
    """Where releases go, who decides it, and the ledger that remembers it."""
    command.add_argument("--by", default="", metavar="WHO", help="who decides this; kept in the ledger (the user)")
    command.add_argument(
        "--overwrite",
        default="",
        metavar="WHY",
        help="write over what somebody changed at the target by hand (else refused); kept in the ledger",
    )
    command.add_argument(
        "--target",
        default="demonstration",
        metavar="KIND",
        help="demonstration (default) and folder: a file <env>.json in --deployments; git: the same, committed and "
        "tagged; oci: tags in a registry; kubernetes: labels in a cluster",
    )
    command.add_argument("--deployments", type=_path, default=Path("deployments"), metavar="DIR", help="(deployments)")
    command.add_argument("--git-remote", default="", metavar="NAME", help="with git: push commit and tag there")
    command.add_argument("--repository", default="", metavar="HOST/PATH", help="with oci: where the image lies")
    cluster = command.add_argument_group("with kubernetes")
    cluster.add_argument("--kubeconfig", action=_Named, default="", metavar="FILE", help="(the user's)")
    cluster.add_argument("--kube-context", default="", metavar="NAME", help="the context in it")
    cluster.add_argument("--namespace", default="", metavar="NAME", help="the environment's namespace")
    cluster.add_argument("--deployment", default="", metavar="NAME", help="a Deployment in it, to be labelled too")
    ledger = command.add_argument_group("the ledger, where every step is kept")
    ledger.add_argument("--ledger", type=_path, metavar="DIR", help="its folder (default: ledger in --deployments)")
    ledger.add_argument(
        "--ledger-key", action=_Named, default="", metavar="KEY", help="who signs it (default: this machine's own key)"
    )
    ledger.add_argument(
        "--ledger-trust", type=_path, action="append", default=[], metavar="PEM", help="whose entries count as well"
    )


def _signers(command: argparse.ArgumentParser) -> None:
    command.add_argument("--key", type=_path, action="append", default=[], metavar="PEM", help="a public key you trust")
    command.add_argument("--threshold", type=int, default=1, metavar="M", help="how many keys must have signed (1)")
    command.add_argument(
        "--evidence-cleared", action="store_true", help="evidence and logs were cleared away: no reason to refuse"
    )
    command.add_argument(
        "--roles", type=_path, metavar="FILE", help="TOML: role -> keys, threshold; each must have signed"
    )


def _ledger(command: argparse.ArgumentParser) -> None:
    verify = command.add_subparsers(dest="action", required=True, metavar="ACTION").add_parser(
        "verify",
        help="check every entry, the chain and the signed head; 2 where something lies after the last entry, or where "
        "no --key was given: nobody checked who signed it",
    )
    verify.add_argument("folder", type=_path, metavar="FOLDER", help="the ledger's folder, e.g. deployments/ledger")
    verify.add_argument("--key", type=_path, action="append", default=[], metavar="PEM", help="a public key you trust")
    verify.add_argument(
        "--expect", type=_named, metavar="COUNT:HASH", help="a head noted before: an old copy is refused"
    )
    verify.add_argument("--entries", action="store_true", help="print the entries, one a line")
