"""--csi-parameters: what a user says about a driver, the mistakes one makes, and paths that lie elsewhere."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fixtures.subjects.csi.client import Client
from fixtures.subjects.csi.options import Options, Paths, read_options
from fixtures.subjects.csi.places import Place
from fixtures.subjects.csi.requests import messages
from reports.model import EnvironmentUnfit

FULL = """
capacity = 1073741824
timeout = 60
access_types = ["mount"]
access_modes = ["SINGLE_NODE_WRITER"]
fs_types = ["ext4"]
[parameters]
type = "fast"
[secrets]
user = "admin"
[secrets.node-stage]
key = "k"
[mutable_parameters]
iops = "1"
[changed_parameters]
iops = "2"
[snapshot_parameters]
tier = "cold"
[group_parameters]
tier = "cold"
[[topology]]
zone = "a"
[paths]
parent = "/driver/paths"
make = "mkdir -p {path}"
remove = "rm -rf {path}"
check = "test -e {path}"
"""


def written(folder: Path, text: str) -> str:
    (folder / "p.toml").write_text(text)
    return str(folder / "p.toml")


def test_options_of_a_file_are_all_read(tmp_path: Path) -> None:
    options = read_options(written(tmp_path, FULL))
    assert (options.capacity, options.timeout, options.access_types) == (1 << 30, 60.0, ("mount",))
    assert options.secrets_of("NodeStageVolume") == {"key": "k"}
    assert options.secrets_of("CreateVolume") == options.secrets_of("Unheard") == {"user": "admin"}
    assert (options.topology, options.paths.parent) == (({"zone": "a"},), "/driver/paths")
    assert (options.mutable_parameters, options.changed_parameters) == ({"iops": "1"}, {"iops": "2"})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("capacity = '1 GiB'", "capacity: must be a number of bytes"),
        ("size = 5", "size: is not known here. Known here: access_modes"),
        ("[parameters]\nreplicas = 3", "parameters.replicas: must be a text in quotes"),
        ("capcity = 5", 'capcity: is not known here. Did you mean "capacity"?'),
        ("access_types = ['file']", "access_types: 'file' is not known. Known here: block, mount"),
        ("access_modes = 'X'", "access_modes: must be a list"),
        ("[secrets.staging]\nkey = 'x'", "secrets.staging: is not known here. Known here: controller-expand"),
        ("[paths]\nparent = '/x'", "paths: needs here"),
        ("[paths]\nparent = 'x'\nhere = '/x'", "paths.parent: must be an absolute path"),
        ("[paths]\nparent = '/x'\nmake = 'mkdir'\nremove = 'rm {path}'", "paths.make: has no {path}"),
        ("timeout = 0", "timeout: must be a number of seconds"),
        ("capacity = ", "Invalid value"),
    ],
)
def test_options_with_a_mistake_name_file_field_and_remedy(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(pytest.UsageError) as raised:
        read_options(written(tmp_path, text))
    assert says in str(raised.value)
    assert "p.toml" in str(raised.value)


def test_options_file_that_is_absent_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(pytest.UsageError, match=r"absent.toml"):
        read_options(str(tmp_path / "absent.toml"))


def test_secrets_go_into_each_request_by_its_stage(tmp_path: Path) -> None:
    options = Options(secrets={"a": "1"}, stage_secrets={"node-stage": {"b": "2"}})
    client, csi = Client(f"unix://{tmp_path}/none.sock", secrets_of=options.secrets_of), messages()
    assert dict(client.filled(csi.DeleteVolumeRequest()).secrets) == {"a": "1"}
    assert dict(client.filled(csi.NodeStageVolumeRequest(secrets={"a": "1"})).secrets) == {"b": "2"}
    assert dict(client.filled(csi.DeleteVolumeRequest(secrets={"a": "wrong"})).secrets) == {"a": "wrong"}
    assert client.filled(csi.NodeUnstageVolumeRequest()) == csi.NodeUnstageVolumeRequest()


def test_path_that_only_the_driver_sees_is_made_by_its_command_and_unfit_to_look_at(tmp_path: Path) -> None:
    real = tmp_path / "container"
    commands = {name: f"env -C {real} {word} .{{path}}" for name, word in
                (("make", "mkdir -p"), ("remove", "rm -rf"), ("check", "test -e"))}  # fmt: skip
    real.mkdir()
    place = Place(tmp_path, Paths(parent="/paths", **commands))
    folder = place.root / "t1"
    assert str(folder) == "/paths/t1"
    place.make(folder)
    assert (real / "paths" / "t1").is_dir()
    assert folder.exists()
    assert not (folder / "target").exists()
    with pytest.raises(EnvironmentUnfit, match="cannot be seen from here"):
        (folder / "target").is_dir()
    place.remove(folder)
    assert not (real / "paths" / "t1").exists()


def test_path_that_we_see_elsewhere_keeps_the_drivers_text(tmp_path: Path) -> None:
    place = Place(tmp_path, Paths(parent="/paths", here=str(tmp_path)))
    place.make(place.root / "t1")
    (place.root / "t1" / "file").write_text("x")
    assert (tmp_path / "t1" / "file").read_text() == "x"
    assert str(place.root / "t1") == "/paths/t1"
    assert os.fspath(place.root / "t1") == str(tmp_path / "t1")


def test_path_command_that_fails_is_unfit(tmp_path: Path) -> None:
    place = Place(tmp_path, Paths(parent="/paths", make="false {path}", remove="true {path}"))
    with pytest.raises(EnvironmentUnfit, match="could not make /paths/t1: status 1"):
        place.make(place.root / "t1")
