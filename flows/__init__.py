"""What runs, in which order: order and branching, nothing else."""
