"""A report page as a test reads it: its elements, its visible text, its links."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "br", "input", "link", "img", "path", "rect", "hr"}


@dataclass
class Element:
    """One element with its attributes and the text inside it (of its children, too)."""

    tag: str
    attributes: dict[str, str]
    text: str = ""
    parents: tuple[str, ...] = ()


@dataclass
class Page(HTMLParser):
    """Parses a page; `faults` lists tags that are closed wrongly."""

    source: str
    elements: list[Element] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._open: list[Element] = []
        self.feed(self.source)
        self.close()
        self.faults += [f"<{element.tag}> is never closed" for element in self._open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {key: value or "" for key, value in attrs}, "", tuple(item.tag for item in self._open))
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        parents = tuple(item.tag for item in self._open)
        self.elements.append(Element(tag, {key: value or "" for key, value in attrs}, "", parents))

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open[-1].tag != tag:
            self.faults.append(f"</{tag}> closes {self._open[-1].tag if self._open else 'nothing'} at {self.getpos()}")
            return
        self._open.pop()

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data

    def all(self, tag: str) -> list[Element]:
        """Every element of that tag; a page without any is a broken test, not a passing one."""
        found = [element for element in self.elements if element.tag == tag]
        assert found, f"the page has no <{tag}>"
        return found

    def has(self, tag: str) -> bool:
        return any(element.tag == tag for element in self.elements)

    @property
    def text(self) -> str:
        """The visible text, white space folded."""
        return " ".join(self.all("main")[0].text.split())
