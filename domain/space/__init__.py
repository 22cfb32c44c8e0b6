"""The search space: domains of parameters, priors, enumeration and repair."""
