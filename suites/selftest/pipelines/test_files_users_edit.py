"""Candidate, pipeline, policy and waiver files: every mistake is told at once, with file, line and field."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from pipelines import candidate, pipeline, policy, waivers
from pipelines.arguments import CANDIDATE
from pipelines.cli import main
from pipelines.configuration import Misconfigured, line_index

GOOD = CANDIDATE.read_text()


def problems(path: Path, text: str) -> str:
    """What candidate.load says of this text."""
    path.write_text(text)
    with pytest.raises(Misconfigured) as raised:
        candidate.load(path)
    return str(raised.value)


def line_of(text: str, part: str) -> int:
    return 1 + text[: text.index(part)].count("\n")


CASES = {
    "an unknown component": ('name = "runc"', 'name = "runk"', 'Did you mean "runc"?'),
    "an unknown key": ("cgo = true", "cgoo = true", 'Did you mean "cgo"?'),
    "a wrong type": ("cgo = true", 'cgo = "yes"', "must be true or false"),
    "a bad sum": ('sum = "h1:eUUowc2WJCnFY', 'sum = "h2:eUUowc2WJCnFY', "as in go.sum"),
    "an unknown kind": ('kind = "builtin"', 'kind = "built-in"', 'Did you mean "builtin"?'),
    "two versions": ('version = "v1.5.2"', 'version = "v1.5.1"', "the component says it is 1.5.2"),
    "a component twice": ('name = "cni-plugins"', 'name = "runc"  # again', "already declared above"),
    "broken TOML": ('name = "runc"', "name = runc", "this is not TOML"),
}


@pytest.mark.parametrize("case", CASES)
def test_candidate_with_a_mistake_names_file_line_and_remedy(case: str, tmp_path: Path) -> None:
    old, new, words = CASES[case]
    text = GOOD.replace(old, new, 1)
    told = problems(tmp_path / "mine.toml", text)
    assert f"{tmp_path / 'mine.toml'}:{line_of(text, new)}:" in told
    assert words in told


def test_candidate_with_several_mistakes_tells_all_in_order(tmp_path: Path) -> None:
    text = GOOD.replace('name = "runc"', 'name = "runk"').replace("cgo = true", "cgo = 1").replace("h1:p6", "h1:?6")
    told = problems(tmp_path / "mine.toml", text).splitlines()
    numbers = [int(line.split(":")[1]) for line in told]
    assert len(told) == 3
    assert numbers == sorted(numbers)


def test_candidate_digest_ignores_layout_and_follows_content(tmp_path: Path) -> None:
    spaced, other = tmp_path / "spaced.toml", tmp_path / "other.toml"
    spaced.write_text("# a remark\n\n" + GOOD.replace(" = ", "  =  "))
    other.write_text(GOOD.replace("2.10.0", "2.10.1"))
    assert candidate.load(spaced).digest == candidate.load(CANDIDATE).digest
    assert candidate.load(other).digest != candidate.load(CANDIDATE).digest


def test_own_driver_by_path_is_one_more_entry(tmp_path: Path) -> None:
    text = '[release]\nname = "mine"\n[[component]]\nname = "csi-driver"\nversion = "1"\n'
    text += '[[component.source]]\nkind = "path"\npath = "driver"\n'
    (tmp_path / "mine.toml").write_text(text)
    component = candidate.load(tmp_path / "mine.toml").component("csi-driver")
    assert component is not None
    assert component.sources[0].path == str(tmp_path / "driver")
    args = 'args = ["--endpoint={endpoint}", "--id={}", "--json={x}"]\n'
    (tmp_path / "mine.toml").write_text(text + args.replace("{}", "{node_id}"))
    assert candidate.load(tmp_path / "mine.toml")
    told = problems(tmp_path / "mine.toml", text + args.replace("{}", "{nodeid}"))
    assert told.endswith("args: nothing is filled in for {nodeid}. Did you mean {node_id}?")


@pytest.mark.parametrize(("path", "words"), [("drivr", "does not exist"), (".", "is a folder"), ("~/x", "/x does not")])
@pytest.mark.parametrize("command", ["lock", "run"])
def test_path_source_that_is_no_file_is_told_with_its_line(
    command: str, path: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = '[release]\nname = "mine"\n[[component]]\nname = "csi-driver"\nversion = "1"\n'
    text += f'[[component.source]]\nkind = "path"\npath = "{path}"\n'
    (tmp_path / "mine.toml").write_text(text)
    assert main([command, "--candidate", str(tmp_path / "mine.toml")]) == 3
    told = capsys.readouterr().err
    assert f"{tmp_path / 'mine.toml'}:8: component[1].source[1].path: " in told
    assert words in told
    assert "~" not in told
    candidate.load(tmp_path / "mine.toml")  # a run's copy, read on another machine


def test_path_source_that_is_there_is_locked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = '[release]\nname = "mine"\n[[component]]\nname = "csi-driver"\nversion = "1"\n'
    (tmp_path / "mine.toml").write_text(f'{text}[[component.source]]\nkind = "path"\npath = "driver"\n')
    (tmp_path / "driver").touch()
    assert main(["lock", "--candidate", str(tmp_path / "mine.toml")]) == 0
    assert f"path       {tmp_path / 'driver'}  (not pinned)" in capsys.readouterr().out


def test_address_with_a_password_is_refused_without_showing_it(tmp_path: Path) -> None:
    text = '[release]\nname = "mine"\n[[component]]\nname = "runc"\nversion = "1"\n[[component.source]]\n'
    text += f'kind = "download"\nsha256 = "{"a" * 64}"\nurl = "https://{{0}}example.org/runc@v1"\n'
    (tmp_path / "good.toml").write_text(text.format(""))
    (tmp_path / "bad.toml").write_text(text.format("bob:hunter2hunter2@"))
    assert candidate.load(tmp_path / "good.toml").components
    with pytest.raises(Misconfigured, match="names no user or password") as refused:
        candidate.load(tmp_path / "bad.toml")
    assert "hunter2" not in str(refused.value)


def test_quick_profile_leaves_out_what_only_full_needs() -> None:
    loaded = candidate.load(CANDIDATE)
    for profile, expected in (("quick", False), ("full", True)):
        stage = pipeline.load(profile=profile).stages[1]
        component = loaded.component("kubernetes")
        assert component is not None
        narrowed = candidate.narrowed(component, stage.files[profile])
        assert ("kubectl" in narrowed.sources[0].packages.values()) is expected


def test_candidate_without_sidecars_is_given_none_and_one_with_them_by_profile() -> None:
    whole = candidate.load(CANDIDATE)
    sidecars = ("csi-provisioner", "csi-snapshotter", "csi-attacher", "csi-resizer")
    bare = dataclasses.replace(whole, components=tuple(one for one in whole.components if one.name not in sidecars))
    for profile, taken in (("quick", sidecars[:2]), ("full", sidecars)):
        stages = pipeline.load(profile=profile).stages
        stage = dataclasses.replace(stages[1], profile=profile)
        pipeline.require_components(stages, bare)
        assert stage.components(bare) == stage.needs
        assert stage.components(whole) == (*stage.needs, *taken)


def test_pipeline_with_mistakes_names_their_lines(tmp_path: Path) -> None:
    text = pipeline.DEFAULT.read_text().replace('"containerd"', '"containrd"', 1).replace('"cluster"', '"klaster"', 1)
    (tmp_path / "stages.toml").write_text(text)
    with pytest.raises(Misconfigured) as raised:
        pipeline.load(tmp_path / "stages.toml", policies=pipeline.DEFAULT.parent / "policy")
    told = str(raised.value)
    assert 'Did you mean "containerd"?' in told
    assert 'Did you mean "cluster"?' in told


@pytest.mark.parametrize(
    ("old", "key"),
    [('suites = ["csi", "cni", "cri", "gpu"]', "suites"), ('requires = ["dev", "staging"]', "requires")],
)
def test_stage_without_suites_or_required_stages_is_told_with_its_line(old: str, key: str, tmp_path: Path) -> None:
    text = pipeline.DEFAULT.read_text().replace('policy = "', f'policy = "{pipeline.DEFAULT.parent}/')
    (tmp_path / "stages.toml").write_text(text)
    assert pipeline.load(tmp_path / "stages.toml")
    (tmp_path / "stages.toml").write_text(text.replace(old, f"{key} = []", 1))
    with pytest.raises(Misconfigured) as raised:
        pipeline.load(tmp_path / "stages.toml")
    (problem,) = raised.value.problems
    assert problem.startswith(f"{tmp_path / 'stages.toml'}:{line_of(text, old)}: ")
    assert f"{key}: is empty" in problem


def test_stage_that_does_not_exist_is_told_with_the_nearest() -> None:
    with pytest.raises(Misconfigured, match='Did you mean "staging"'):
        pipeline.load().until("stagin")


def test_waiver_without_owner_reason_link_or_expiry_is_refused(tmp_path: Path) -> None:
    (tmp_path / "w.toml").write_text('[[waiver]]\nid = "W"\nclause = "csi.*"\ncomponent = "runc"\nversions = ["1"]\n')
    with pytest.raises(Misconfigured) as raised:
        waivers.load(tmp_path / "w.toml")
    for word in ("owner", "reason", "link", "expires", "one clause exactly"):
        assert word in str(raised.value)


def test_shipped_policies_and_waivers_are_well_formed() -> None:
    for file in sorted((pipeline.DEFAULT.parent / "policy").glob("*.toml")):
        assert policy.load(file).name == file.stem
    assert {stage.policy.name for stage in pipeline.load().stages} == {"default.toml", "staging.toml"}
    assert all(item.owner and item.link for item in waivers.load())


def test_line_index_knows_nested_entries_strings_and_arrays() -> None:
    text = 'a = """\n[x]\n"""\n[[t]]\nb = [\n 1,\n]\n[[t.u]]\nc = 1\n[[t]]\n[[t.u]]\nd."e f" = 2\n'
    lines = line_index(text)
    assert lines["t", 0, "b"] == 5
    assert lines["t", 0, "u", 0, "c"] == 9
    assert lines["t", 1, "u", 0, "d", "e f"] == 12
    assert ("x",) not in lines
