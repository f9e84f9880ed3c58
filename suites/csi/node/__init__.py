"""The Node service: stage, publish, what may be done at the target, statistics, expansion, health."""
