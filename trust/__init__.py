"""How far the course can be relied on, in numbers: `make trust`."""
