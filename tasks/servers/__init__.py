"""Prefect's and MLflow's servers on this machine."""
