"""How well searches are stopped, on measured tables: `python -m benchmarks.stopping --help`."""
