"""What a container's configuration asks for is what its process finds: environment, command, mounts, rootfs."""

from __future__ import annotations

import pytest

from fixtures.subjects.cri.bench import Bench
from fixtures.subjects.cri.checks import require_equal, require_refusal


@pytest.mark.clause("cri.create-container.envs")
def test_container_environment_holds_the_variables_asked_for(bench: Bench) -> None:
    wanted = {"PLAIN": "1", "EMPTY": "", "BLANKS": "a b  c=d", "LETTERS": "\u00fc"}
    envs = [bench.messages.KeyValue(key=key, value=value.encode()) for key, value in wanted.items()]
    container = bench.run(bench.run_sandbox(), envs=envs)
    lines = bench.shell(container, "tr '\\0' '\\n' < /proc/1/environ").splitlines()
    seen = dict(line.split("=", 1) for line in lines if line.partition("=")[0] in wanted)
    require_equal("the environment of the process", seen, wanted)


@pytest.mark.clause("cri.create-container.working-dir")
def test_container_process_starts_in_its_working_directory(bench: Bench) -> None:
    container = bench.run(bench.run_sandbox(), working_dir="/tmp")
    require_equal("the working directory", bench.shell(container, "readlink /proc/1/cwd"), "/tmp")


@pytest.mark.clause("cri.create-container.command-and-args")
def test_container_command_and_args_make_up_its_command_line(bench: Bench) -> None:
    wanted = ["sh", "-c", "while :; do sleep 1; done", "one two", "three"]
    container = bench.run(bench.run_sandbox(), wanted[:2], args=wanted[2:])
    seen = bench.shell(container, "tr '\\0' '\\n' < /proc/1/cmdline").splitlines()
    require_equal("the command line", seen, wanted, "Are the args dropped when a command is given?")


@pytest.mark.clause("cri.create-container.mount-writable")
def test_container_mount_shows_and_changes_the_host_folder(bench: Bench) -> None:
    folder = bench.folder("share")
    (folder / "from-host").write_text("ahoy")
    mount = bench.messages.Mount(container_path="/share", host_path=str(folder))
    container = bench.run(bench.run_sandbox(), mounts=[mount])
    seen = bench.shell(container, "cat /share/from-host; echo back > /share/from-container")
    require_equal("the host's file inside", seen, "ahoy")
    require_equal("the container's file outside", (folder / "from-container").read_text(), "back\n")


@pytest.mark.clause("cri.create-container.mount-readonly")
def test_container_mount_that_is_readonly_refuses_writes(bench: Bench) -> None:
    folder = bench.folder("share")
    mount = bench.messages.Mount(container_path="/share", host_path=str(folder), readonly=True)
    container = bench.run(bench.run_sandbox(), mounts=[mount])
    bench.exec(container, "touch", "/share/written")
    require_equal("what a write into it made", list(folder.iterdir()), [], "Is the remount with ro left out?")


@pytest.mark.clause("cri.create-container.mount-missing-host-path")
def test_container_mount_of_a_missing_host_path_is_an_error(bench: Bench) -> None:
    sandbox, missing = bench.run_sandbox(), bench.root / bench.unique("missing")
    mount = bench.messages.Mount(container_path="/share", host_path=str(missing))
    require_refusal(
        "a container with a mount whose host path does not exist",
        lambda: bench.run(sandbox, mounts=[mount]),
        "Is the path made on the host instead, so that a typing error passes as an empty folder?",
    )


@pytest.mark.clause("cri.create-container.mount-follows-symlink")
def test_container_mount_of_a_symlink_shows_its_destination(bench: Bench) -> None:
    folder = bench.folder("real")
    (folder / "mark").write_text("here")
    link = bench.root / bench.unique("link")
    link.symlink_to(folder)
    mount = bench.messages.Mount(container_path="/share", host_path=str(link))
    container = bench.run(bench.run_sandbox(), mounts=[mount])
    require_equal("the file behind the link", bench.shell(container, "cat /share/mark"), "here")


@pytest.mark.clause("cri.create-container.recursive-readonly-needs-readonly")
def test_container_mount_recursively_readonly_but_writable_is_refused(bench: Bench) -> None:
    mount = bench.messages.Mount(
        container_path="/share", host_path=str(bench.folder("share")), readonly=False, recursive_read_only=True
    )
    require_refusal(
        "a mount with recursive_read_only and without readonly", lambda: bench.run(bench.run_sandbox(), mounts=[mount])
    )


@pytest.mark.clause("cri.create-container.readonly-rootfs")
@pytest.mark.parametrize("readonly", [True, False])
def test_container_root_is_readonly_only_if_asked_for(bench: Bench, readonly: bool) -> None:
    security = bench.messages.LinuxContainerSecurityContext(readonly_rootfs=readonly)
    container = bench.run(bench.run_sandbox(), security=security)
    written = bench.exec(container, "touch", "/written").exit_code == 0
    require_equal("whether a write to the root file system works", written, not readonly)


@pytest.mark.clause("cri.create-container.rootfs-private")
def test_container_writes_are_not_seen_by_another_of_the_same_image(bench: Bench) -> None:
    sandbox = bench.run_sandbox()
    first, second = bench.run(sandbox), bench.run(sandbox)
    bench.shell(first, "echo mine > /mark")
    require_equal("the other's view", bench.exec(second, "test", "-e", "/mark").exit_code, 1)
