"""Reads the JUnit XML of an established suite into cases, and says what is wrong with a broken file.

Written for what Ginkgo writes (Kubernetes conformance by hydrophone or sonobuoy, csi-sanity, critest): a case that was
not selected and one that skipped itself are both <skipped>, and only the message tells them apart. The file comes from
elsewhere: a document type, and with it every entity, is refused before anything is expanded.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from xml.parsers import expat

from pipelines.configuration import Misconfigured
from reports.printable import MARK

LARGEST = 256 * 2**20  # bytes; a certified conformance run writes 2.4 MB
DEEPEST = 20
LONGEST = 20_000  # characters of one failure's text that are kept, its end
_NODE = re.compile(
    r"\[(?:BeforeSuite|AfterSuite|SynchronizedBeforeSuite|SynchronizedAfterSuite|ReportBeforeSuite|ReportAfterSuite"
    r"|DeferCleanup \(Suite\))\](?: |$)"
)
"""A set-up or clean-up step that Ginkgo reports like a case, once for each of its processes."""
_OUTCOMES, _AGAIN = ("failure", "error", "skipped"), ("flakyFailure", "flakyError", "rerunFailure", "rerunError")
_INSIDE = frozenset((*_OUTCOMES, *_AGAIN, "system-out", "system-err", "properties", "property", "stackTrace"))
_STATE = re.compile(r"^\[[A-Z]+\] ")


class State(StrEnum):
    """How a case ended."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    NOT_SELECTED = "not selected"


@dataclass
class Case:
    """One case. seconds as the file has it; message: one line; text: what is inside the failure."""

    name: str
    seconds: float = 0.0
    state: State = State.PASSED
    message: str = ""
    text: str = ""

    @property
    def is_step(self) -> bool:
        """Whether it is a set-up or clean-up step of the suite, no case of it."""
        return bool(_NODE.match(self.name))


@dataclass
class Document:
    """A whole file. started: the first time stamp in it, "" if it has none. attempts: how often a case was run until it
    passed, at most. succeeded: False if a suite says that it did not, `why` where no case says it."""

    cases: list[Case] = field(default_factory=list)
    started: str = ""
    attempts: int = 1
    succeeded: bool = True
    why: str = ""


def read(path: Path) -> Document:
    """Read a JUnit file. Misconfigured: it is cut off, no JUnit, hostile, or its numbers contradict each other."""
    try:
        size = path.stat().st_size
        if size > LARGEST:
            raise Misconfigured([f"{path}: has {size} bytes; more than {LARGEST} are not read"])
        data = path.read_bytes()
    except OSError as error:
        raise Misconfigured([f"{path}: cannot be read: {error.strerror or error}"]) from error
    reader = _Reader()
    try:
        reader.parse(data)
    except expat.ExpatError as error:
        what = "ends in the middle: it was cut off" if _cut_off(error) else f"is no XML: {error}"
        raise Misconfigured([f"{path}:{error.lineno}: {what}"]) from error
    except ValueError as error:
        raise Misconfigured([f"{path}:{reader.line}: {error}"]) from error
    ran = [case for case in reader.document.cases if case.state is not State.NOT_SELECTED]
    names = Counter(case.name for case in ran if not case.is_step)
    twice = [f"{path}: has the case {name!r} {number} times" for name, number in names.items() if number > 1]
    if twice:
        raise Misconfigured(twice)
    return reader.document


def _cut_off(error: expat.ExpatError) -> bool:
    codes = expat.errors.codes
    words = (expat.errors.XML_ERROR_NO_ELEMENTS, expat.errors.XML_ERROR_UNCLOSED_TOKEN,
             expat.errors.XML_ERROR_PARTIAL_CHAR, expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION)  # fmt: skip
    return error.code in {codes[word] for word in words}


class _Reader:
    """Hears what expat finds."""

    def __init__(self) -> None:
        self.document = Document()
        self._open: list[str] = []
        self._told: list[tuple[int, int, int]] = []  # of each open <testsuite>: its cases and failures, cases before
        self._case: Case | None = None
        self._runs_again = 0
        self._text: list[str] = []
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._parser.EntityDeclHandler = self._refuse
        self._parser.buffer_text = True

    @property
    def line(self) -> int:
        return self._parser.CurrentLineNumber

    def parse(self, data: bytes) -> None:
        self._parser.Parse(data, True)

    def _refuse(self, *_: object) -> None:
        raise ValueError("declares a document type or an entity; JUnit needs neither, so this is not read")

    def _start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if not self._open and tag not in ("testsuites", "testsuite"):
            raise ValueError(f"is no JUnit: it begins with <{tag}>, not with <testsuites> or <testsuite>")
        self._open.append(tag)
        if len(self._open) > DEEPEST:
            raise ValueError(f"is nested deeper than {DEEPEST} elements")
        if tag == "testsuite":
            self.document.started = self.document.started or attributes.get("timestamp", "")
            failures = [_number(attributes, name) for name in ("failures", "errors") if name in attributes]
            cases = _number(attributes, "tests") if "tests" in attributes else -1
            self._told.append((cases, sum(failures) if failures else -1, len(self.document.cases)))
        elif tag == "testcase":
            if self._case is not None:
                raise ValueError("has a <testcase> inside a <testcase>")
            self._runs_again = 0
            self._case = Case(_plain(attributes.get("name", "")), _seconds(attributes.get("time", "0")))
            if not self._case.name:
                raise ValueError("has a <testcase> without a name")
            self.document.cases.append(self._case)
            if attributes.get("status") in ("failed", "panicked", "timedout", "interrupted", "aborted"):
                self._case.state = State.FAILED
        elif tag == "property" and self._case is None:
            self._property(attributes.get("name", ""), attributes.get("value", ""))
        elif self._case is not None:
            self._part(tag, attributes)

    def _part(self, tag: str, attributes: Mapping[str, str]) -> None:
        """What a case holds. Anything that JUnit has not, such as <Failure>, might be a failure that nobody counts."""
        if tag in _OUTCOMES:
            self._outcome(tag, attributes)
        elif tag in _AGAIN and self._case is not None:
            self._runs_again += 1
            self.document.attempts = max(self.document.attempts, 1 + self._runs_again)
        elif tag not in _INSIDE:
            raise ValueError(f"has <{tag}> inside a <testcase>, which no JUnit has there")

    def _property(self, name: str, value: str) -> None:
        """What Ginkgo says of a whole suite."""
        if name == "DryRun" and value == "true":
            raise ValueError("is of a dry run: it lists cases that passed, and none of them ran")
        if name == "FlakeAttempts" and value.isdecimal():
            self.document.attempts = max(self.document.attempts, int(value))
        elif name == "SuiteSucceeded" and value == "false":
            self.document.succeeded = False
        elif name == "SpecialSuiteFailureReason":
            self.document.why = self.document.why or _plain(value)

    def _outcome(self, tag: str, attributes: Mapping[str, str]) -> None:
        assert self._case is not None
        message = _plain(attributes.get("message", ""))
        if tag != "skipped":
            self._case.state = State.FAILED
            self._case.message = self._case.message or message
        elif self._case.state is State.PASSED:
            # Ginkgo: "skipped" where the selection left the case out, "skipped - why" where it called Skip(why).
            why = message.removeprefix("skipped").lstrip(" -")
            self._case.state = State.SKIPPED if why and why != "pending" else State.NOT_SELECTED
            self._case.message = why
        self._text = []

    def _characters(self, text: str) -> None:
        if self._case is not None and self._open[-1] in ("failure", "error"):
            self._text.append(text)

    def _end(self, tag: str) -> None:
        self._open.pop()
        if tag in ("failure", "error") and self._case is not None:
            told = "".join(self._text)
            self._case.message = self._case.message or _first_of(told)
            text = self._case.text + told
            self._case.text = text if len(text) <= LONGEST else f"{MARK}{text[-LONGEST:]}"
        elif tag == "testcase":
            self._case = None
        elif tag == "testsuite":
            claimed, failures, before = self._told.pop()
            cases = self.document.cases[before:]
            if claimed not in (-1, len(cases)):
                raise ValueError(f"a <testsuite> says that it has {claimed} cases and holds {len(cases)}")
            failed = sum(case.state is State.FAILED for case in cases)
            # One case may have several of them: a failure, and an error in its clean-up.
            if failures >= 0 and (failures < failed or (failures > 0 and not failed)):
                raise ValueError(f"a <testsuite> says that {failures} cases failed and holds {failed} that did")


def _first_of(text: str) -> str:
    """What a failure's text begins with. Kubernetes' own report has no message beside it; of a panic the place is told
    before what it was."""
    lines = [line for line in map(_plain, text.splitlines()) if line and not line.startswith("In [")]
    told = [line for line in lines if line != "[PANICKED] Test Panicked"]
    return _STATE.sub("", next(iter([*told, *lines]), ""))


def _number(attributes: Mapping[str, str], name: str) -> int:
    told = attributes[name]
    if not re.fullmatch("[0-9]{1,9}", told):
        raise ValueError(f"{name}={told!r} of a <testsuite> is no number of cases")
    return int(told)


def _plain(text: str) -> str:
    """One line without control characters."""
    return " ".join("".join(mark if mark.isprintable() else " " for mark in text).split())


def _seconds(text: str) -> float:
    try:
        found = float(text or 0)
    except ValueError as error:
        raise ValueError(f"the time {text!r} is no number") from error
    if not 0 <= found < 1e9:
        raise ValueError(f"the time {text!r} cannot be")
    return found
