"""Optuna's samplers under the rules."""
