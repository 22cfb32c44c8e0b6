"""Our decisions and rules in plain Optuna code."""
