"""The one list of pytest plugins. Nothing else belongs here."""

pytest_plugins = (
    "reports.recorder",
    "reports.retries",
    "reports.repeats",
    "reports.shards",
    "fixtures.plugin",
    "fixtures.evidence",
    "fixtures.clusters.plugin",
    "fixtures.subjects.csi",
    "fixtures.subjects.cni",
    "fixtures.subjects.cri",
    "fixtures.subjects.gpu",
    "fixtures.subjects.upgrade",
)
