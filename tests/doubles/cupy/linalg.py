"""Nothing of it is used; array-api-compat asks for the name."""


def lstsq(a, b, rcond="warn"):
    raise NotImplementedError("the double of CuPy has no linear algebra")


__all__ = []
