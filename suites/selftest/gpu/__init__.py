"""The GPU suite judged: its reference passes, its mutants die."""
