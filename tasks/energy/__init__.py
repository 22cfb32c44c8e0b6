"""Energy from hardware counters, or an estimate; apart since trials and models both measure it."""
