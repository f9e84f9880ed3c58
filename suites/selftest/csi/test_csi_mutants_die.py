"""The CSI suite is the subject: every mutant dies at the clause it breaks, and whoever obeys passes everything.

Each mutant runs only its clause's tests, in a pytest of its own with a private driver of its own.
"""

from __future__ import annotations

import pkgutil

import pytest

import fixtures.references.csi.variants as variants
from fixtures.protocols.definitions import CSI_SPECS
from reports import catalogue
from suites.selftest.matrix.judging import Findings, by_its_clause, by_suite
from suites.selftest.matrix.mutants import Mutant, mutants_of, spec_of

# One for each place where a defect can enter: the node, the controller, the store, the identity, the process.
QUICK = {
    "stacks_a_second_mount", "wipes_data_at_unpublish", "makes_clones_empty", "forgets_volumes_at_restart",
    "states_no_version", "dies_of_a_bad_token", "races_on_the_same_name", "leaks_loop_devices_of_block",
}  # fmt: skip
QUICK_VARIANTS = {"rounds_capacity_up", "declares_little"}
MUTANTS = mutants_of("csi")
VARIANTS = sorted(module.name for module in pkgutil.iter_modules(variants.__path__) if module.name != "__main__")


def require_judged(found: Findings) -> None:
    """AssertionError: the run says nothing, by our own fault."""
    assert not found.broken, found.broken
    assert not found.errors, found.errors
    assert found.ended, "the run did not end"
    assert found.judged, "nothing was judged"


@pytest.mark.parametrize(
    "mutant",
    [pytest.param(one, id=one.name, marks=() if one.name in QUICK else pytest.mark.full) for one in MUTANTS],
)
def test_csi_mutant_dies_at_the_clause_it_breaks(mutant: Mutant) -> None:
    clause = catalogue.load().clauses[mutant.breaks]
    found = by_its_clause("csi", mutant, spec_of(clause))
    require_judged(found)
    assert clause.id in found.clauses, f"{mutant.name} lives: {dict(found.failed)}"
    assert not found.beside(clause.id), f"{mutant.name}: others are blamed: {dict(found.failed)}"


@pytest.mark.parametrize("spec", CSI_SPECS)
def test_csi_reference_passes_everything(spec: str) -> None:
    found = by_suite("csi", "", spec)
    require_judged(found)
    assert not found.failed, f"the reference driver fails: {list(found.failed)}"
    lacking = {test: why for test, why in found.others.items() if not why.startswith("not-applicable")}
    assert not lacking, f"could not run over the reference driver: {lacking}"


@pytest.mark.parametrize(
    "variant", [pytest.param(name, marks=() if name in QUICK_VARIANTS else pytest.mark.full) for name in VARIANTS]
)
def test_csi_driver_that_chooses_otherwise_is_not_blamed(variant: str) -> None:
    found = by_suite("csi", "", "1.13", (), "--variant", f"csi/{variant}")
    require_judged(found)
    assert not found.failed, f"{variant} obeys the specification and is blamed: {list(found.failed)}"
    lacking = {test: why for test, why in found.others.items() if not why.startswith("not-applicable")}
    assert not lacking, f"could not run over {variant}: {lacking}"


def test_csi_samples_are_there() -> None:
    assert {mutant.name for mutant in MUTANTS} >= QUICK
    assert set(VARIANTS) >= QUICK_VARIANTS
