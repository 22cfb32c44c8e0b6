"""The functional core: frozen dataclasses and pure functions, without clock, randomness or I/O."""
