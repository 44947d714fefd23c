"""What scripts/check-deploy looks at. Each module's `problems()` gives sentences that say what is wrong and where."""
