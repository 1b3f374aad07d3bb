"""The machine's limit: the matrix products of one training step, as NumPy's BLAS does them."""

import sys

from benchmarks.alone import alone
from benchmarks.networks import EVERY
from benchmarks.timing import report

step = alone(EVERY[sys.argv[1]].products)
report(step)
