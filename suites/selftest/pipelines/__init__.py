"""Selftests of pipelines: gate, files that users edit, runs, promotion."""
