"""Errors: what a plugin says when it is asked something wrong."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from fixtures.subjects.cni.execution import Reply, encode
from fixtures.subjects.cni.network import Container, Network, require_refusal
from fixtures.subjects.cni.subject import Subject
from reports.model import ClauseViolation


def ask(network: Network, plugin: str, parameters: Mapping[str, str], **changes: object) -> Reply:
    """One call of a plugin with the first plugin's configuration; keywords replace its keys, None removes one."""
    request = {**network.request(network.plugins[0]), "type": plugin, **changes}
    stdin = encode({key: value for key, value in request.items() if value is not None})
    return network.executor.execute(plugin, parameters, stdin)


def require_code(code: int, replies: Mapping[str, Reply], names: Mapping[str, str] | None = None) -> None:
    """Raise ClauseViolation unless every reply is a refusal with that code whose text holds its name, if any."""
    wrong = []
    for case, reply in replies.items():
        require_refusal(reply, case)
        error = reply.error()
        name = (names or {}).get(case, "")
        text = f"{error.get('msg', '')} {error.get('details', '')}"
        if error.get("code") != code or name not in text:
            wrong.append(f"{case}: code {error.get('code')}, {text.strip()!r}")
    if wrong:
        raise ClauseViolation(
            "an error is not reported as the specification wants it",
            expected=f"code {code}" + (" and the variable's name in the message" if names else ""),
            actual="\n".join(wrong),
        )


@pytest.mark.clause("cni.errors.object-on-stdout")
def test_error_of_a_refused_add_is_an_object_on_stdout(network: Network, container: Container) -> None:
    """A numeric code and a text, as one JSON object on stdout."""
    container.namespace.delete()
    reply = require_refusal(network.try_add(container), "the namespace is gone")
    error = reply.document()
    code = error.get("code")
    if not isinstance(code, int) or isinstance(code, bool) or not error.get("msg"):
        raise ClauseViolation("the error object is incomplete", expected="numeric code, msg", actual=error)


@pytest.mark.clause("cni.errors.protocol-version")
def test_error_of_a_refused_add_names_the_protocol_version(network: Network, container: Container) -> None:
    """cniVersion of the error object is the version in use."""
    container.namespace.delete()
    error = require_refusal(network.try_add(container), "the namespace is gone").error()
    if error.get("cniVersion") != network.version:
        raise ClauseViolation("the error object lacks the version", expected=network.version, actual=error)


@pytest.mark.clause("cni.errors.missing-variable-named")
def test_error_for_a_missing_variable_has_code_4_and_its_name(
    network: Network, container: Container, cni_subject: Subject
) -> None:
    """Each required variable in turn is left out of ADD, for every plugin."""
    replies, names = {}, {}
    for plugin in cni_subject.types():
        for variable in ("CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"):
            case = f"{plugin} without {variable}"
            names[case] = variable
            parameters = network.parameters("ADD", container, "eth0")
            del parameters[variable]
            replies[case] = ask(network, plugin, parameters)
    require_code(4, replies, names)


@pytest.mark.clause("cni.errors.invalid-variable-named")
def test_error_for_an_invalid_variable_has_code_4_and_its_name(
    network: Network, container: Container, cni_subject: Subject
) -> None:
    """A container id with a slash, an interface name of 16 characters or with a slash, for every plugin."""
    bad = {"CNI_CONTAINERID": ["../../etc", "-dash"], "CNI_IFNAME": ["sixteen-chars-xx", "a/b"]}
    replies, names = {}, {}
    for plugin in cni_subject.types():
        for variable, values in bad.items():
            for value in values:
                case = f"{plugin} with {variable}={value}"
                names[case] = variable
                replies[case] = ask(network, plugin, network.parameters("ADD", container, "eth0") | {variable: value})
    require_code(4, replies, names)


@pytest.mark.clause("cni.errors.invalid-variable-refused")
def test_error_for_an_invalid_variable_comes_before_anything_is_made(network: Network, container: Container) -> None:
    """An interface name that the kernel cannot take is refused, and the container stays empty."""
    require_refusal(network.try_add(container, "sixteen-chars-xx"), "the interface name has 16 characters")
    if container.namespace.links():
        raise ClauseViolation("a link was made for an invalid name", actual=sorted(container.namespace.links()))


@pytest.mark.clause("cni.errors.unknown-command")
def test_error_for_an_unknown_command_has_code_4_and_names_the_variable(
    network: Network, container: Container, cni_subject: Subject
) -> None:
    """CNI_COMMAND=FROB, and add in lower case."""
    replies = {
        f"{plugin} with CNI_COMMAND={command}": ask(network, plugin, network.parameters(command, container, "eth0"))
        for plugin in cni_subject.types()
        for command in ("FROB", "add")
    }
    require_code(4, replies, dict.fromkeys(replies, "CNI_COMMAND"))


@pytest.mark.clause("cni.errors.undecodable-configuration")
@pytest.mark.parametrize("stdin", [b"", b"{", b"[1, 2]", b"\xff\xfe{}"], ids=["empty", "cut", "list", "binary"])
def test_error_for_undecodable_stdin_has_code_6(
    network: Network, container: Container, cni_subject: Subject, stdin: bytes
) -> None:
    """stdin is empty, cut off, a list, or no text."""
    parameters = network.parameters("ADD", container, "eth0")
    require_code(6, {plugin: network.executor.execute(plugin, parameters, stdin) for plugin in cni_subject.types()})


@pytest.mark.clause("cni.errors.invalid-configuration")
def test_error_for_a_configuration_without_a_name_has_code_7(
    network: Network, container: Container, cni_subject: Subject
) -> None:
    """The network's name is absent, or holds a slash."""
    parameters = network.parameters("ADD", container, "eth0")
    replies = {
        f"{plugin} with name {name!r}": ask(network, plugin, parameters, name=name)
        for plugin in cni_subject.types()
        for name in (None, "../escape")
    }
    require_code(7, replies)


@pytest.mark.clause("cni.errors.unsupported-version")
def test_error_for_a_version_of_the_future_has_code_1(
    network: Network, container: Container, cni_subject: Subject
) -> None:
    """cniVersion 9.9.9 is not in anybody's list."""
    parameters = network.parameters("ADD", container, "eth0")
    require_code(1, {plugin: ask(network, plugin, parameters, cniVersion="9.9.9") for plugin in cni_subject.types()})


@pytest.mark.clause("cni.errors.undecodable-del-refused")
def test_error_for_undecodable_stdin_of_del_takes_nothing_away(network: Network, container: Container) -> None:
    """A DEL that cannot be read is refused, and the attachment stays."""
    network.add(container)
    parameters = network.parameters("DEL", container, "eth0")
    require_refusal(network.executor.execute(network.main, parameters, b"{"), "its configuration is cut off")
    if "eth0" not in container.namespace.links():
        raise ClauseViolation("an unreadable DEL removed the interface", expected="eth0", actual="no link")
