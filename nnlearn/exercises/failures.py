"""What a check raises when an answer is not right yet."""


class CheckFailed(AssertionError):
    """An answer is not right yet; the text says what was tried and what came of it."""

    def _render_traceback_(self) -> list[str]:
        """Return what Jupyter shows: the message alone, without the lines of the check."""
        return str(self).splitlines()


class NotAnswered(CheckFailed):
    """The answer cell is still as it was given."""
