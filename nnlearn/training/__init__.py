"""Training: the loop, the optimizers, the checkpoints, and the game of two networks."""
