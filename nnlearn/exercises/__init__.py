"""The exercises of the course: their checks, and the command that runs them on your copy."""
