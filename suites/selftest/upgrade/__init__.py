"""Selftests of the upgrade trial: its rules from files, and (full) real upgrades with seeded defects."""
