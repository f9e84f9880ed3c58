"""Removal of secrets from texts before they are kept."""

from __future__ import annotations

import re

_PATTERNS = (
    re.compile(r"(?i)((?:password|passwd|secret|token|api[-_]?key)\"?\s*[=:]\s*\"?)[^\s\",;]+"),
    re.compile(r"(?i)(authorization:\s*(?:bearer|basic)\s+)\S+"),
)


def redact(text: str) -> str:
    """The text with values of secret-looking fields replaced by ***."""
    for pattern in _PATTERNS:
        text = pattern.sub(r"\1***", text)
    return text
