"""A runtime that came up in part: whose fault that is, by the lines that a real containerd wrote."""

from __future__ import annotations

import pytest

from fixtures.subjects.cri.containerd import starved

LINE = 'time="2026-11-25T19:24:24Z" level=warning msg="failed to load plugin" error="%s" id=io.containerd.grpc.v1.cri'
INOTIFY = "failed to create cni conf monitor for default: couldn't initialize inotify: too many open files"
"""Written where all inotify instances of the user were taken."""
OWN = "failed to create CRI service: invalid plugin config: `sandbox_image` is no image"


@pytest.mark.parametrize(
    ("log", "told"),
    [
        (LINE % INOTIFY, INOTIFY),
        ("level=info msg=starting\n" + LINE % INOTIFY + "\nlevel=info msg=serving", INOTIFY),
        (LINE % OWN, ""),
        ('level=error msg="failed to pull" error="too many open files"', ""),
        ((LINE % "mkdir x: no space left on device").replace("grpc.v1.cri", "snapshotter.v1.devmapper"), ""),
        ("", ""),
    ],
)
def test_part_that_was_not_loaded_is_the_machines_fault_only_where_it_says_so(log: str, told: str) -> None:
    assert starved(log) == told
