"""The layers: an operation together with the names, shapes and initial values of its parameters."""
