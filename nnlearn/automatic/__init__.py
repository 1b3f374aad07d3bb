"""Automatic differentiation: backwards by a tape, forwards by dual numbers, curvature by both."""
