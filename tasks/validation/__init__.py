"""The data gate, with Great Expectations."""
