"""The Optuna store and our tables beside it."""
