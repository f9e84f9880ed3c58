"""Selftests of the recorder, the catalogue, leases and the house rules."""
