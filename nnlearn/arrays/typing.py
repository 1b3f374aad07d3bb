"""What the annotations of this package call an array."""

from typing import Any, TypeAlias

#: An array of any library that keeps the array API standard, which has no type for it yet.
Array: TypeAlias = Any
