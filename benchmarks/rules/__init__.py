"""What the rules promise, measured: `python -m benchmarks.rules --help`."""
