"""Ids that look much like one of the driver's and are none: compared whole, and never taken for a path."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fixtures.subjects.csi.bench import Bench
from fixtures.subjects.csi.client import Refused
from fixtures.subjects.csi.requests import changed
from reports.model import ClauseViolation
from suites.csi.requests.complete import BUILDERS

ID_FIELDS = ("volume_id", "source_volume_id", "group_snapshot_id", "target_snapshot_id")
ABSENT = {"delete-snapshot", "get-snapshot"}  # their builders name an object that is not there anyway
INVERSE = {"delete-volume", "controller-unpublish", "node-unstage", "node-unpublish", "delete-group-snapshot"}
FORMS: dict[str, Callable[[str], str]] = {
    "a slash behind": lambda identity: f"{identity}/",
    "a dot behind": lambda identity: f"{identity}/.",
    "through its parent": lambda identity: f"../volumes/{identity}",
    "through itself": lambda identity: f"{identity}/../{identity}",
    "a dot before": lambda identity: f"./{identity}",
    "a character more": lambda identity: f"{identity}0",
    "a character less": lambda identity: identity[:-1],
    "spaces": lambda identity: f" {identity} ",
    "the parent": lambda _: "..",
    "a star": lambda _: "*",
}
RPCS = [name for name in BUILDERS if name not in {"create-volume", "create-group-snapshot", *ABSENT}]


@pytest.mark.clause("csi.requests.ids-are-compared-whole")
@pytest.mark.parametrize("rpc", RPCS)
def test_id_that_only_resembles_one_names_nothing(csi: Bench, rpc: str) -> None:
    request = BUILDERS[rpc](csi)
    field = next((name for name in ID_FIELDS if name in request.DESCRIPTOR.fields_by_name), "snapshot_id")
    identity = getattr(request, field)
    for what, form in FORMS.items():
        answer = csi.client.answer(changed(request, **{field: form(identity)}))
        if answer.code in ("NOT_FOUND", "INVALID_ARGUMENT") or (answer.is_ok and rpc in INVERSE):
            continue
        raise ClauseViolation(
            f"{answer.rpc} with an id that resembles one ({what})", expected="NOT_FOUND or INVALID_ARGUMENT",
            actual=str(answer), question="Is the id made into a path, or compared by its beginning?",
        )  # fmt: skip
    answer = csi.client.answer(request)
    if not answer.is_ok and rpc != "modify-volume":  # whose builder does not know the driver's parameters
        raise Refused(answer)
