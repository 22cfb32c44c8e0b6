"""Domain rules, checked for one configuration or for thousands at a time."""
