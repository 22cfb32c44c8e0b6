"""Trials: orders, results, history, reservations and feasibility."""
