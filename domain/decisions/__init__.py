"""The four priced decisions and what they are based on."""
