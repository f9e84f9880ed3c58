"""The CSI contract: its clauses and the tests that judge them."""
