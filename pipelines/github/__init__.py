"""What GitHub Actions needs beyond the commands of `python -m pipelines`: which jobs, artifacts and attempts count.

The YAML of pipelines/actions and .github/workflows holds no rule of its own; it calls `python -m pipelines.github`.
"""
