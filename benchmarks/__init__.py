"""Training steps of the course's networks in nnlearn and in PyTorch, measured side by side."""
