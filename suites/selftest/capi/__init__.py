"""Cluster API: the real controllers on a local cluster, and what our provider and templates make of them."""
