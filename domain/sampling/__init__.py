"""The mathematics of proposals: models, densities and expected gain for cost."""
