"""Costs, budgets, worth and the units in which they are stated."""
