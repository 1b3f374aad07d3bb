"""Errors by the names of CuPy."""


class AxisError(ValueError, IndexError):
    """An axis that is not there."""


__all__ = ["AxisError"]
