"""The kill matrix: every mutant against its whole suite, and against the established tool where there is one."""
