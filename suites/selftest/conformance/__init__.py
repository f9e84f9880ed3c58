"""Kubernetes' own conformance tests, run by hydrophone on a local cluster, imported beside our records."""
