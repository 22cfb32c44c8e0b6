"""The Optuna store, with our tables beside its own."""
