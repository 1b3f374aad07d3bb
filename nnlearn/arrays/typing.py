"""What the annotations of this package call an array."""

from typing import Any, TypeAlias

#: An array of any library that keeps the array API standard, which has no type for it yet.
Array: TypeAlias = Any

#: What a backward function's body gives: a gradient for every argument, there already or waiting.
Gradients: TypeAlias = Any
#: A size for rows and columns alike, or one for each.
Pair: TypeAlias = int | tuple[int, int]
