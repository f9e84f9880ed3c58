"""GitHub Actions, proven offline: what our actions decide, what their steps do, and that GitHub reads them as we do."""
