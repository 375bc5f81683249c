"""The format number of records of ours that `codec` does not pack."""

from typing import NoReturn

from notifier.errors import BackendError, Refused

FORMAT = 1


def check_format(what: str, format: int) -> None:
    """Refused for a newer one: going on without it would look like all is well."""
    if format > FORMAT:
        raise Refused(
            f"a stored {what} has format {format}, written by a newer release; this one reads up to {FORMAT}: "
            "start that release again"
        )


def damaged(what: str, error: Exception) -> NoReturn:
    # Neither the bytes nor the decoder's words: both may hold personal data.
    raise BackendError(f"a stored {what} cannot be read ({type(error).__name__})") from None
