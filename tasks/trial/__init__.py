"""A trial inside its own process: training, checkpoints, limits, usage, pruning."""
