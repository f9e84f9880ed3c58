"""Whether this machine can judge a device plugin at all: a key test of the shipped policy, about no component.

The subject here is always our reference, whatever plugin is under test.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fixtures.lease import Lease
from fixtures.subjects.gpu.kubelet import Kubelet
from fixtures.subjects.gpu.subject import PluginSubject, reference_recipe


@pytest.fixture
def known_plugin(lease: Lease, pytestconfig: pytest.Config) -> Iterator[PluginSubject]:
    """Our reference plugin without a defect, in a folder of its own."""
    folder = lease.folder("gpu-self")
    patience = pytestconfig.option.device_plugin_patience or 10.0
    recipe = reference_recipe(folder / "p", folder / "state", patience=patience)
    kubelet = Kubelet(folder / "p")
    kubelet.start()
    subject = PluginSubject(kubelet, recipe, lease, folder / "plugin.log")
    yield subject
    subject.close()


@pytest.mark.clause("gpu.selfcheck.reference-serves")
def test_plugin_known_to_be_right_registers_and_hands_out_a_device(known_plugin: PluginSubject) -> None:
    known_plugin.registration()
    client = known_plugin.connect()
    try:
        client.grant(client.healthy_ids()[0])
    finally:
        client.close()
