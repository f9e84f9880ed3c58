"""One fault in a request: a required field is missing, and nothing else is wrong with it.

The objects that the requests name exist, so that only the missing field can be the reason of a refusal. A boolean or
a number has no absent value on the wire, so those fields are not here.
"""

from __future__ import annotations

from typing import Any

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.requests import block, changed, messages, mount, without
from reports.model import ClauseViolation
from suites.csi.requests.complete import BUILDERS

REQUIRED = {
    "create-volume": ("name", "volume_capabilities"),
    "delete-volume": ("volume_id",),
    "controller-publish": ("volume_id", "node_id", "volume_capability"),
    "controller-unpublish": ("volume_id",),
    "validate": ("volume_id", "volume_capabilities"),
    "get-volume": ("volume_id",),
    "get-volume-health": ("volume_id",),
    "modify-volume": ("volume_id", "mutable_parameters"),
    "controller-expand": ("volume_id", "capacity_range"),
    "create-snapshot": ("name", "source_volume_id"),
    "delete-snapshot": ("snapshot_id",),
    "get-snapshot": ("snapshot_id",),
    "create-group-snapshot": ("name", "source_volume_ids"),
    "delete-group-snapshot": ("group_snapshot_id", "snapshot_ids"),
    "get-group-snapshot": ("group_snapshot_id", "snapshot_ids"),
    "metadata-allocated": ("snapshot_id",),
    "metadata-delta": ("base_snapshot_id", "target_snapshot_id"),
    "node-stage": ("volume_id", "staging_target_path", "volume_capability"),
    "node-unstage": ("volume_id", "staging_target_path"),
    "node-publish": ("volume_id", "target_path", "volume_capability"),
    "node-unpublish": ("volume_id", "target_path"),
    "node-stats": ("volume_id", "volume_path"),
    "node-expand": ("volume_id", "volume_path"),
    "node-health": ("volume_id",),
}
CASES = [
    pytest.param(
        topic,
        field,
        id=f"{topic}-{field}",
        marks=pytest.mark.clause(f"csi.{topic}.{field.replace('_', '-')}-is-required"),
    )
    for topic, fields in REQUIRED.items()
    for field in fields
]
# What is refused of these leaves the volume as it is, so that one volume does for all of them.
OF_THE_CONTROLLER = (
    "delete-volume", "controller-publish", "controller-unpublish", "validate", "get-volume", "get-volume-health",
    "modify-volume", "controller-expand", "create-snapshot", "create-group-snapshot",
)  # fmt: skip
TAKES_A_CAPABILITY = ("controller-publish", "node-stage", "node-publish")


@pytest.mark.parametrize(("topic", "field"), CASES)
def test_request_without_a_required_field_is_invalid(csi: Bench, topic: str, field: str) -> None:
    def check() -> None:
        request = without(BUILDERS[topic](csi), field)
        csi.client.require_refusal(request, "INVALID_ARGUMENT", because=f"the required {field} is missing")

    if topic in OF_THE_CONTROLLER:
        csi.check_unchanged(check)
    else:
        check()


def _marked(obligation: str) -> list[Any]:
    return [
        pytest.param(topic, marks=pytest.mark.clause(f"csi.{topic}.{obligation}"), id=topic)
        for topic in TAKES_A_CAPABILITY
    ]


@pytest.mark.parametrize("topic", _marked("access-type-is-required"))
def test_capability_without_access_type_is_invalid(csi: Bench, topic: str) -> None:
    request = without(BUILDERS[topic](csi), "volume_capability.mount")
    csi.client.require_refusal(request, "INVALID_ARGUMENT", because="the capability has neither block nor mount")


@pytest.mark.parametrize("topic", _marked("access-mode-is-required"))
@pytest.mark.parametrize("lacking", ["access_mode", "access_mode.mode"])
def test_capability_without_access_mode_is_invalid(csi: Bench, topic: str, lacking: str) -> None:
    request = without(BUILDERS[topic](csi), f"volume_capability.{lacking}")
    csi.client.require_refusal(request, "INVALID_ARGUMENT", because="the capability has no access mode")


@pytest.mark.clause("csi.create-volume.access-type-is-required")
@pytest.mark.parametrize("position", ["only", "first", "last"])
def test_create_volume_without_access_type_is_invalid(csi: Bench, position: str) -> None:
    bare, whole = without(mount(), "mount"), mount("SINGLE_NODE_READER_ONLY")
    listed = {"only": [bare], "first": [bare, whole], "last": [whole, bare]}[position]
    request = changed(csi.creation(), volume_capabilities=listed)
    csi.client.require_refusal(request, "INVALID_ARGUMENT", because="a capability has neither block nor mount")


@pytest.mark.clause("csi.create-volume.access-mode-is-required")
@pytest.mark.parametrize("lacking", ["access_mode", "access_mode.mode"])
@pytest.mark.parametrize("kind", ["mount", "block"])
def test_create_volume_without_access_mode_is_invalid(csi: Bench, kind: str, lacking: str) -> None:
    request = csi.creation(without({"mount": mount, "block": block}[kind](), lacking))
    csi.client.require_refusal(request, "INVALID_ARGUMENT", because="the access mode is missing")


@pytest.mark.clause("csi.create-volume.source-type-is-required")
def test_create_volume_of_a_source_without_type_is_invalid(csi: Bench) -> None:
    request = changed(csi.creation(), volume_content_source=messages().VolumeContentSource())
    csi.client.require_refusal(request, "INVALID_ARGUMENT", because="the source names neither snapshot nor volume")


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("snapshot", marks=pytest.mark.clause("csi.create-volume.source-snapshot-id-is-required")),
        pytest.param("volume", marks=pytest.mark.clause("csi.create-volume.source-volume-id-is-required")),
    ],
)
def test_create_volume_of_a_source_without_id_is_invalid(csi: Bench, kind: str) -> None:
    csi.require("controller.CREATE_DELETE_SNAPSHOT" if kind == "snapshot" else "controller.CLONE_VOLUME")
    source = messages().VolumeContentSource()
    getattr(source, kind).SetInParent()
    request = csi.creation(source=source)
    csi.client.require_refusal(request, "INVALID_ARGUMENT", because=f"the source {kind} has no id")


@pytest.mark.parametrize(
    "lacking",
    [
        pytest.param("mount", marks=pytest.mark.clause("csi.validate.access-type-is-required")),
        pytest.param("access_mode", marks=pytest.mark.clause("csi.validate.access-mode-is-required")),
    ],
)
def test_incomplete_capability_is_not_confirmed(csi: Bench, lacking: str) -> None:
    def check() -> None:
        request = changed(BUILDERS["validate"](csi), volume_capabilities=[without(mount(), lacking)])
        answer = csi.client.answer(request)
        confirms = answer.is_ok and answer.response.HasField("confirmed")
        if confirms or answer.code not in ("OK", "INVALID_ARGUMENT"):
            raise ClauseViolation(
                f"a capability without {lacking} was confirmed", expected="INVALID_ARGUMENT, or no confirmation",
                actual=str(answer),
            )  # fmt: skip

    csi.check_unchanged(check)


@pytest.mark.clause("csi.create-volume.range-needs-a-bound")
def test_create_volume_with_an_empty_range_is_invalid(csi: Bench) -> None:
    request = changed(csi.creation(), capacity_range=messages().CapacityRange())
    csi.client.require_refusal(request, "INVALID_ARGUMENT", because="the range has neither bound")


@pytest.mark.clause("csi.create-volume.topology-needs-a-list")
def test_create_volume_with_empty_accessibility_requirements_is_invalid(csi: Bench) -> None:
    csi.require("plugin.VOLUME_ACCESSIBILITY_CONSTRAINTS")
    request = changed(csi.creation(), accessibility_requirements=messages().TopologyRequirement())
    csi.client.require_refusal(request, "INVALID_ARGUMENT", because="no topology is named at all")


@pytest.mark.clause("csi.node-publish.staging-path-is-required")
def test_publish_without_staging_path_is_a_failed_precondition(csi: Bench) -> None:
    csi.require("node.STAGE_UNSTAGE_VOLUME")
    request = without(BUILDERS["node-publish"](csi), "staging_target_path")
    csi.client.require_refusal(request, "FAILED_PRECONDITION", because="the staging path is missing")
