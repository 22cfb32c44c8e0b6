"""Predictions of the resources of a trial; apart from rules, since they are learnt from trials."""
