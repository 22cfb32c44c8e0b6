"""The public face: what a study and other people's Optuna code import."""
