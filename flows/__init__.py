"""The flows, the command line, and the terminal."""

if __name__ != "satisfice.flows":
    raise ImportError(f"this is Satisfice's folder: import satisfice.flows, not {__name__}")
