"""Energy: hardware counters, or an estimate."""
