"""Predictions of the resources of a trial before it is trained."""
