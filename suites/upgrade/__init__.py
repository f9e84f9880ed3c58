"""A cluster taken to the candidate with workloads running: what they and their data must not notice."""
