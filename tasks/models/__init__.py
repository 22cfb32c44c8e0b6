"""PyTorch models, counted before training and measured after it."""
