"""Takes secrets out of texts before they are kept as evidence or shown.

Belongs here: recognising what must not leave the machine (keys, tokens, passwords) by its form or by the name
beside it. Digests, image references and object names stay, since evidence without them is worthless.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

# (what it is, pattern). A group named "secret" marks what goes; without one the whole match goes.
_FORMS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "private key",
        re.compile(r"-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----.*?(?:-----END \1-----|\Z)", re.DOTALL),
    ),
    ("token", re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*")),
    ("token", re.compile(r"\b(?:gh[opsur]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{16,})")),
    ("access key", re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b")),
    (
        "credentials",
        re.compile(
            r"(?i)\bauthorization[\"']?\s*[:=]\s*[\"']?(?:bearer|basic|negotiate|token)\s+(?P<secret>(?!\[redacted)[^\s\"',]+)"
        ),
    ),
    ("token", re.compile(r"(?i)\bbearer\s+(?P<secret>(?!\[redacted)[A-Za-z0-9._~+/-]{16,}=*)")),
    ("password", re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s/:@]*:(?P<secret>(?!\[redacted)[^\s/@]+)@")),
    ("bootstrap token", re.compile(r"(?<![\w.-])[a-z0-9]{6}\.[a-z0-9]{16}(?![\w.-])")),
    (
        "key data",
        re.compile(
            r"(?i)\b(?:client-key-data|tls\.key|\.dockerconfigjson)[\"']?\s*[:=]\s*[\"']?(?P<secret>(?!\[redacted)[^\s\"',}]+)"
        ),
    ),
    (
        "secret",
        re.compile(
            r"(?i)(?<!next)(?<!starting)(?<!page)(?<!continue)(?:\b|_|-)(?:pass(?:word|wd|phrase)|secret(?:[_-]?access)?[_-]?key|client[_-]?secret|api[_-]?key"
            r"|(?:auth|access|refresh|id|session|bearer)[_-]?token|token|identitytoken)[\"']?\s*"
            r"(?:[:=]\s*|\s(?=[\"']))(?P<quote>[\"']?)(?P<secret>(?!\[redacted)[^\s\"',;}]{4,})(?P=quote)"
        ),
    ),
    ("credentials", re.compile(r"\"auth\"\s*:\s*\"(?P<secret>(?!\[redacted)[A-Za-z0-9+/=]{8,})\"")),
    # A CSI request printed as protobuf text: secrets { key: "..." value: "..." }
    ("secret", re.compile(r"\bsecrets\s*\{\s*key:\s*\"[^\"]*\"\s*value:\s*\"(?P<secret>(?!\[redacted)[^\"]+)\"")),
)


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without secrets; each is replaced by "[redacted: what it was]".

    secrets: values known to be secret in this run, removed wherever they stand (shorter than 4: ignored).
    """
    for value in sorted({value for value in secrets if len(value) >= 4}, key=len, reverse=True):
        text = text.replace(value, "[redacted: secret]")
    for what, pattern in _FORMS:
        text = pattern.sub(lambda match, what=what: _without(match, what), text)  # type: ignore[misc]
    return text


def _without(match: re.Match[str], what: str) -> str:
    mark = f"[redacted: {what}]"
    if "secret" not in match.re.groupindex:
        return mark
    start, end = match.span("secret")
    offset = match.start()
    whole = match.group(0)
    return whole[: start - offset] + mark + whole[end - offset :]


def redact_file(path: Path, secrets: Iterable[str] = ()) -> bool:
    """Redact a text file in place, atomically; a file that is not UTF-8 text is left. True: it was changed."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return False
    clean = redact(text, secrets)
    if clean == text:
        return False
    beside = path.with_name(f".{path.name}.redacting")
    beside.write_text(clean, encoding="utf-8")
    beside.chmod(path.stat().st_mode & 0o777)
    beside.replace(path)
    return True
