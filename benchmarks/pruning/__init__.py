"""What giving up trials early is worth, on real curves: `python -m benchmarks.pruning --help`."""
