"""What happens inside a trial's process."""
