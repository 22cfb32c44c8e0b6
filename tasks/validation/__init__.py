"""Great Expectations: the data gate."""
