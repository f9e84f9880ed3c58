"""The kill matrix as a page: one row a mutant, and the rates that it comes to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from suites.selftest.matrix.judging import Findings
from suites.selftest.matrix.mutants import Mutant


@dataclass(frozen=True)
class Row:
    """One mutant and what was found. sanity is None where there is no other tool."""

    mutant: Mutant
    ours: Findings
    sanity: Findings | None = None

    @property
    def is_killed(self) -> bool:
        return bool(self.ours.failed)

    @property
    def is_at_its_clause(self) -> bool:
        return self.mutant.breaks in self.ours.clauses

    @property
    def others(self) -> list[str]:
        """Clauses that are blamed beside the one that the mutant breaks."""
        return sorted(self.ours.beside(self.mutant.breaks))

    @property
    def is_precise(self) -> bool:
        return self.is_at_its_clause and not self.others


@dataclass(frozen=True)
class Matrix:
    """All rows of a suite. reference: what fails on the reference itself, by tool (it should be nothing).
    quick: only the tests of each mutant's clause were run, so nothing is known of precision.
    about_blind: what is known of mutants at their first sight, in Markdown."""

    suite: str
    rows: Sequence[Row]
    reference: Mapping[str, Findings] = field(default_factory=dict)
    quick: bool = False
    about_blind: str = ""


def page(matrix: Matrix) -> str:
    """The page in Markdown."""
    compared = any(row.sanity is not None for row in matrix.rows)
    lines = [f"# The {matrix.suite.upper()} suite over its mutants", "", _ABOUT, "", *_rates(matrix.rows, compared), ""]
    if compared:
        lines += [_ABOUT_SANITY, ""]
    if matrix.about_blind:
        lines += [matrix.about_blind.strip(), ""]
    if matrix.quick:
        lines += [
            "**Only the tests of each mutant's clause were run: `only there` and `others blamed` say nothing.**",
            "",
        ]
    lines += _reference(matrix.reference)
    alive = [row.mutant.name for row in matrix.rows if not row.is_killed]
    lines += [f"Alive: {', '.join(alive)}." if alive else "None is alive.", ""]
    return "\n".join([*lines, *_table(matrix.rows, compared)]) + "\n"


_ABOUT = (
    "Each mutant has one defect. The quick profile of the whole suite is run over it; one that lives through that at "
    "its clause gets the long tests of its clause as well. *At its clause*: a test of the clause that the defect "
    "breaks fails. *Only there*: no test of another clause fails. Made by `tox -e kill-matrix`; do not edit."
)
_ABOUT_SANITY = (
    "csi-sanity 5.6.0 gets every advantage: runs for mount and for block volumes over fresh drivers, in the version of "
    "CSI that the clause belongs to, its case for the node's attach limit switched on, parameters for "
    "modification, a size to expand to; any case that fails and does not fail on the reference counts as a kill, "
    "also one that only trips over what an earlier case left behind. It names no clauses. Two of "
    "its group snapshot cases leave out the required `snapshot_ids` and so fail on a driver that checks it: they are "
    "false alarms and kill nothing."
)


def _rates(rows: Sequence[Row], compared: bool) -> list[str]:
    groups = {"all": rows, "written blind": [row for row in rows if row.mutant.is_blind]}
    groups["written beside the tests"] = [row for row in rows if not row.mutant.is_blind]
    head = ["mutants", "number", "killed", "at its clause", "only there", *(["by csi-sanity"] if compared else [])]
    lines = [_cells(head), _cells(["---"] * len(head))]
    for name, group in groups.items():
        if not group:
            continue
        counts = [sum(row.is_killed for row in group), sum(row.is_at_its_clause for row in group)]
        counts.append(sum(row.is_precise for row in group))
        shares = [_share(count, len(group)) for count in counts]
        if compared:
            run = [row.sanity for row in group if row.sanity is not None]
            share = _share(sum(bool(found.failed) for found in run), len(run)) if run else "not run"
            shares.append(share if len(run) in (0, len(group)) else f"{share}, of the {len(run)} it was run over")
        lines.append(_cells([name, str(len(group)), *shares]))
    return lines


def _reference(reference: Mapping[str, Findings]) -> list[str]:
    lines = []
    for tool, found in reference.items():
        if found.failed:
            named = "; ".join(sorted(found.failed))
            lines += [
                f"**On the reference itself {tool} fails in {len(found.failed)}, which kill nothing**: {named}.",
                "",
            ]
    return lines


def _table(rows: Sequence[Row], compared: bool) -> list[str]:
    head = [
        "mutant",
        "what is wrong",
        "clause",
        "ours",
        "others blamed",
        *(["csi-sanity"] if compared else []),
        "blind",
    ]
    lines = [_cells(head), _cells(["---"] * len(head))]
    for row in rows:
        cells = [f"`{row.mutant.name}`", row.mutant.what, f"`{row.mutant.breaks}`", _verdict(row), _blamed(row.others)]
        if compared:
            cells.append(_cases(row.sanity))
        lines.append(_cells([*cells, "blind" if row.mutant.is_blind else ""]))
    return lines


def _verdict(row: Row) -> str:
    if row.ours.broken:
        return "run broken"
    if not row.is_killed:
        return "**alive**"
    return "killed" if row.is_at_its_clause else "killed elsewhere"


def _blamed(others: Sequence[str]) -> str:
    shown = ", ".join(f"`{clause}`" for clause in others[:4])
    return f"{shown} and {len(others) - 4} more" if len(others) > 4 else shown


def _cases(found: Findings | None) -> str:
    if found is None:
        return "not run"
    if not found.failed:
        return "alive"
    first = sorted(found.failed)[0]
    return f"{first} (and {len(found.failed) - 1} more)" if len(found.failed) > 1 else first


def _share(count: int, total: int) -> str:
    # Rounded down: 100 % is said of all of them only.
    return f"{count} ({100 * count // total} %)"


def _cells(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "/").replace("\n", " ") for cell in cells) + " |"
