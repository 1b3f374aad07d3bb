"""A double of what nnlearn uses of CuPy's second package, beside that of `cupy`."""
