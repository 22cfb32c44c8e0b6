"""The domain: frozen dataclasses and pure functions; no clock, no randomness, no I/O."""

if __name__ != "satisfice.domain":
    raise ImportError(f"this is Satisfice's folder: import satisfice.domain, not {__name__}")
