"""--csi-profile: a lost feature fails by name; a profile that cannot be right is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from fixtures.protocols.definitions import CSI_SPEC
from fixtures.subjects.csi.profile import read_profile
from reports.record import read
from suites.selftest.csi.test_csi_driver_choice import run_suite

PROFILES = Path(__file__).resolve().parents[2] / "csi" / "profiles"


@pytest.mark.parametrize("path", sorted(PROFILES.glob("*.toml")), ids=lambda path: path.stem)
def test_csi_profile_that_we_ship_is_readable(path: Path) -> None:
    assert read_profile(str(path)).features


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("capability = ['x']", "capability: is not known"),
        ("capabilities = ['controller.TIME_TRAVEL']", "'controller.TIME_TRAVEL' is not known in CSI 1.12"),
        ("capabilities = ['controller.GET_VOLUME_HEALTH']", "is not known in CSI 1.12"),
        ("expansion = ['ALWAYS']", "'ALWAYS' is not known"),
        ("name = 'empty'", "demands nothing"),
        ("topology = 'yes'", "topology: must be true or false"),
        ('[only."2.0"]\ncapabilities = []', "only: must hold tables"),
    ],
)
def test_csi_profile_with_a_mistake_is_a_usage_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, says: str
) -> None:
    monkeypatch.setenv(CSI_SPEC, "1.12")
    (tmp_path / "p.toml").write_text(text)
    with pytest.raises(pytest.UsageError) as raised:
        read_profile(str(tmp_path / "p.toml"))
    assert says in str(raised.value)


@pytest.mark.needs("root")
def test_csi_feature_that_got_lost_fails_alone(tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text(
        "capabilities = ['controller.CREATE_DELETE_VOLUME', 'controller.CLONE_VOLUME']\naccess_types = ['block']\n"
        "access_modes = ['SINGLE_NODE_WRITER']"
    )
    (tmp_path / "o.toml").write_text("access_types = ['mount']")
    done = run_suite(
        tmp_path / "run", "suites/csi/identity/test_profile.py", "--csi-profile", str(tmp_path / "p.toml"),
        "--csi-parameters", str(tmp_path / "o.toml"),
    )  # fmt: skip
    results = read(tmp_path / "run" / "record.jsonl").results
    assert [result.outcome for result in results] == ["pass", "pass", "fail", "pass"], done.stdout
    assert "the profile demands access-type.block" in results[2].summary
    assert results[2].clauses == ("csi.profile.declares-what-it-must",)
