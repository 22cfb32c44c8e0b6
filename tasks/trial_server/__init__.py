"""The process that holds torch and the data and forks a child for each trial."""
