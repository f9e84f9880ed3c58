"""Figures of one run beside earlier sign-offs, as small plots: what share of clauses passed, how long it took, what was
measured. Drawn as plain SVG, so that a page needs nothing else; every plot says in words what it shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reports.history import Summary

WIDE, HIGH = 240.0, 48.0  # of a plot, in SVG units
EDGE = 4.0
"""Units left free around a plot, so that no point is cut in half."""


@dataclass(frozen=True)
class Plot:
    """One figure over the runs that have it, the oldest first. better: "lower", "higher" or "" where nobody says.

    line: SVG points. dots: (x, y) of each. limit: y of the threshold, None where there is none within the plot.
    """

    name: str
    unit: str
    runs: tuple[str, ...]
    values: tuple[float, ...]
    line: str
    dots: tuple[tuple[float, float], ...]
    limit: float | None = None
    threshold: float | None = None
    better: str = ""

    @property
    def last(self) -> str:
        return shown(self.values[-1], self.unit)

    @property
    def words(self) -> str:
        """The plot for those who cannot see it."""
        now = f"{self.name}: {self.last} now"
        return now + (f", {self.beside}" if len(self.values) > 1 else f"; {self.beside}" if self.beside else "")

    @property
    def beside(self) -> str:
        """What the last value stands beside: those before it, its limit, and which way is better."""
        told = []
        if len(self.values) > 1:
            low, high = shown(min(self.values), self.unit), shown(max(self.values), self.unit)
            told.append(f"{shown(self.values[-2], self.unit)} before, from {low} to {high} in {len(self.values)} runs")
        if self.threshold is not None:
            told.append(f"the limit is {shown(self.threshold, self.unit)}")
        if self.better:
            told.append(f"{self.better} is better")
        return "; ".join(told)


def shown(value: float, unit: str) -> str:
    """98.4 %, 12.5 min, 429."""
    text = f"{value:.1f}" if unit and value < 1000 else f"{value:.4g}"
    return " ".join(filter(None, [text.removesuffix(".0"), unit]))


def plots(runs: Sequence[Summary], limits: Mapping[str, float]) -> list[Plot]:
    """What the last of these runs has, over all of them. runs: the oldest first. limits: of figures, by name."""
    series: dict[tuple[str, str], list[tuple[str, float]]] = {}
    for run in runs:
        for suite, share in pass_rates(run).items():
            series.setdefault((f"{suite}: clauses that pass", "%"), []).append((run.run, share))
        for stage, minutes in run.minutes.items():
            series.setdefault((f"{stage}: tests took", "min"), []).append((run.run, minutes))
        for name, value in run.figures.items():
            series.setdefault((name, ""), []).append((run.run, value))
    current = runs[-1].run if runs else ""
    ways = runs[-1].better if runs else {}
    return [
        _plot(name, unit, found, limits.get(name), "higher" if unit == "%" else ways.get(name, ""))
        for (name, unit), found in series.items()
        if found[-1][0] == current
    ]


def pass_rates(run: Summary) -> dict[str, float]:
    """Of each suite the share, in percent, of those clauses that passed, among those that apply and have a test."""
    passed: dict[str, int] = {}
    judged: dict[str, int] = {}
    for clause, standing in run.clauses.items():
        if standing not in ("not-applicable", "uncovered"):
            suite = clause.partition(".")[0]
            judged[suite] = judged.get(suite, 0) + 1
            passed[suite] = passed.get(suite, 0) + (standing == "pass")
    return {suite: 100 * passed[suite] / number for suite, number in judged.items()}


def points(values: Sequence[float], low: float, high: float) -> tuple[tuple[float, float], ...]:
    """Where each value is drawn, from left to right, between these two."""
    step = (WIDE - 2 * EDGE) / max(1, len(values) - 1)
    return tuple((round(EDGE + place * step, 1), height(value, low, high)) for place, value in enumerate(values))


def height(value: float, low: float, high: float) -> float:
    """The y of a value."""
    share = (value - low) / (high - low) if high > low else 0.5
    return round(HIGH - EDGE - share * (HIGH - 2 * EDGE), 1)


def line_of(dots: Sequence[tuple[float, float]]) -> str:
    """As SVG writes points."""
    return " ".join(f"{x:g},{y:g}" for x, y in dots)


def _plot(name: str, unit: str, found: Sequence[tuple[str, float]], limit: float | None, better: str) -> Plot:
    values = tuple(value for _, value in found)
    # A share is shown in what it moved by; an amount from nothing up, so that twice as much looks like it.
    low, high = (min(values), 100.0) if unit == "%" else (min(0.0, *values), max(values))
    if limit is not None and limit <= 2 * high:
        high = max(high, limit)
    dots = points(values, low, high)
    drawn = None if limit is None or limit > high else height(limit, low, high)
    return Plot(name, unit, tuple(run for run, _ in found), values, line_of(dots), dots, drawn, limit, better)
