"""Whether rules are right, and what they save; apart from rules, since only trials can tell."""
