"""What is ordered, what came back, and whether it is feasible."""
