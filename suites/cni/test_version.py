"""VERSION: what a plugin says it can speak."""

from __future__ import annotations

import re

import pytest

from fixtures.subjects.cni.execution import encode
from fixtures.subjects.cni.network import Network, require_success
from fixtures.subjects.cni.subject import NEWEST, OLDER, Subject
from reports.model import ClauseViolation


def ask_version(network: Network, plugin: str, version: str) -> dict[str, object]:
    """One plugin's answer to VERSION."""
    parameters = network.executor.parameters("VERSION")
    return require_success(network.executor.execute(plugin, parameters, encode({"cniVersion": version}))).document()


@pytest.mark.clause("cni.version.lists-versions")
def test_version_of_every_plugin_lists_the_versions_it_speaks(network: Network, cni_subject: Subject) -> None:
    """Each plugin and delegate lists version numbers, the one that the configuration uses among them."""
    for plugin in cni_subject.types():
        listed = ask_version(network, plugin, network.version).get("supportedVersions")
        sound = isinstance(listed, list) and all(re.fullmatch(r"\d+\.\d+\.\d+", str(item)) for item in listed)
        if not sound or network.version not in listed:  # type: ignore[operator]
            raise ClauseViolation(
                f"{plugin} does not list the version that its configuration uses",
                expected=f"a list with {network.version}",
                actual=listed,
            )


@pytest.mark.clause("cni.version.echoes-version")
def test_version_asked_with_an_older_version_echoes_it(network: Network, cni_subject: Subject) -> None:
    """cniVersion of the answer is the one that was asked with, for each plugin and each version."""
    wrong = []
    for plugin in cni_subject.types():
        for version in (*OLDER, NEWEST):
            answered = ask_version(network, plugin, version).get("cniVersion")
            if answered != version:
                wrong.append(f"{plugin}: asked {version}, answered {answered}")
    if wrong:
        raise ClauseViolation(
            "VERSION does not answer with the version it was asked with",
            expected="cniVersion as on stdin",
            actual="\n".join(wrong),
            question="Does the plugin read stdin for VERSION at all?",
        )
