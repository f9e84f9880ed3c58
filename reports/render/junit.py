"""JUnit XML from the records, with truthful counts.

could-not-run and not-applicable are `skipped` with the reason, a fault of the harness and a planned test without
a result are `error`. A waived failure stays a failure: a waiver is the gate's and is not in the record.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

from reports.attempts import Told, once_each
from reports.model import Outcome, Result
from reports.record import Record
from reports.render.words import clean
from reports.run_folder import RunFolder, Stage


def data_of(run: RunFolder) -> bytes:
    """What junit.xml holds."""
    root = junit_of(run)
    ElementTree.indent(root)
    data: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return data + b"\n"


def junit_of(run: RunFolder) -> ElementTree.Element:
    """The <testsuites> element: one <testsuite> per stage and suite."""
    root = ElementTree.Element("testsuites", name=f"{run.candidate.name} {run.id}")
    for stage in run.stages:
        for record in stage.records:
            _add_record(root, stage, record)
    totals = {key: str(sum(int(suite.get(key, "0")) for suite in root)) for key in _COUNTED}
    root.attrib.update(totals, time=f"{sum(float(suite.get('time', '0')) for suite in root):.3f}")
    return root


_COUNTED = ("tests", "failures", "errors", "skipped")


def suite_of(test: str) -> str:
    """suites/csi/test_x.py::test_y -> csi; the first folder where it lies elsewhere."""
    folders = test.partition("::")[0].split("/")
    if len(folders) > 2 and folders[0] == "suites":
        return folders[1]
    return folders[0] if len(folders) > 1 else "tests"


def _add_record(root: ElementTree.Element, stage: Stage, record: Record) -> None:
    suites: dict[str, ElementTree.Element] = {}

    def suite(test: str) -> ElementTree.Element:
        name = f"{stage.name}.{suite_of(test)}"
        if name not in suites:
            suites[name] = ElementTree.SubElement(root, "testsuite", name=name, timestamp=record.run.started)
        return suites[name]

    for told in once_each(record.results, stage.decision.flakes if stage.decision else ()):
        _add_result(suite(told.result.test), told)
    for test in record.missing:
        case = _case(suite(test), test, 0.0)
        _told(case, "error", "missing", "no result: the run ended before this test reported", "")
    for element in suites.values():
        cases = element.findall("testcase")
        element.set("tests", str(len(cases)))
        for key, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            element.set(key, str(sum(1 for case in cases if case.find(tag) is not None)))
        element.set("time", f"{sum(float(case.get('time', '0')) for case in cases):.3f}")


def _case(suite: ElementTree.Element, test: str, duration: float) -> ElementTree.Element:
    file, _, name = test.partition("::")
    module = file.removesuffix(".py").replace("/", ".")
    return ElementTree.SubElement(
        suite, "testcase", classname=clean(module), name=clean(name or file), file=clean(file), time=f"{duration:.3f}"
    )


def _add_result(suite: ElementTree.Element, told: Told) -> None:
    result = told.result
    case = _case(suite, result.test, result.duration)
    properties = ElementTree.SubElement(case, "properties")
    ElementTree.SubElement(properties, "property", name="outcome", value=result.outcome.value)
    for clause in result.clauses:
        ElementTree.SubElement(properties, "property", name="clause", value=clean(clause))
    if result.harness_error:
        _told(case, "error", "harness-error", result.summary, body_of(result))
    elif result.outcome is Outcome.FAIL:
        _told(case, "failure", "fail", result.summary, body_of(result))
    elif result.outcome is not Outcome.PASS:
        _told(case, "skipped", result.outcome.value, f"{result.outcome.value}: {result.summary}", result.text)
    # Surefire's words for attempts beside the one that counts; readers of JUnit know flakes by them.
    for other in told.others:
        if other.outcome is Outcome.FAIL:
            _told(case, "flakyFailure" if told.flaky else "rerunFailure", "fail", other.summary, body_of(other))


def _told(case: ElementTree.Element, tag: str, kind: str, message: str, body: str) -> None:
    ElementTree.SubElement(case, tag, type=kind, message=clean(message)).text = clean(body) or None


def body_of(result: Result) -> str:
    """A failure's whole text in the fixed order: expected, actual, question, what the test saw, repeat."""
    pieces = [
        ("expected", result.expected),
        ("actual", result.actual),
        ("to ask", result.question),
        ("", result.text),
        ("repeat", result.repeat),
        ("evidence", "\n".join(item.path for item in result.evidence)),
    ]
    return "\n".join(f"{label}: {text}" if label else text for label, text in pieces if text)
