"""Optuna's samplers, kept within the rules."""
