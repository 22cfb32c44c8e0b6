"""Domain rules: what they allow, one configuration or thousands at a time."""
