"""What can be forecast of a trial before it is trained."""
