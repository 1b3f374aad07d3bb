"""How many examples a generated test tries: some in `make test`, many in `make trust`."""

import os

import hypothesis

#: Whether the longer studies run.
MANY = bool(os.environ.get("NNLEARN_TRUST"))

#: For tests over every operation or layer: few of each are many in all.
examples = hypothesis.settings(
    max_examples=200 if MANY else 5,
    suppress_health_check=[hypothesis.HealthCheck.filter_too_much, hypothesis.HealthCheck.too_slow],
)
