"""Snapshots, group snapshots and snapshot metadata."""
