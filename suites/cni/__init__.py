"""The CNI contract: its clauses and the tests that judge them."""
