"""The mathematics of proposals: surrogate models, densities and acquisition functions."""
