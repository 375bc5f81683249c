"""The keys of a webhook sink: those of its secret as it is now, and those of a recipient's url."""

from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

import structlog

from notifier.fields import Secret
from notifier.sinks.signing import PrivateKey, SymmetricKey, signing_keys

log = structlog.get_logger()

T = TypeVar("T")


class Followed(Generic[T]):
    """What `parse` makes of a secret as it is now. ValueError at first only: what was valid serves on."""

    def __init__(self, secret: Secret, parse: Callable[[str], T]) -> None:
        self._secret = secret
        self._parse = parse
        self._text = secret.get()
        self._parsed = parse(self._text)

    def get(self) -> T:
        text = self._secret.get()
        if text != self._text:
            self._text = text
            try:
                self._parsed = self._parse(text)
            except ValueError as error:
                # Half-written, or a slip: the former keys stay until the file is right.
                log.warning("secret_unusable", error=str(error))
        return self._parsed


class Keys:
    """The keys that a webhook sink signs with."""

    def __init__(self, secret: Secret) -> None:
        self._followed = Followed(secret, signing_keys)

    def own(self) -> tuple[SymmetricKey | PrivateKey, ...]:
        """For the sink's own url."""
        return self._followed.get()

    def of(self, url: str) -> tuple[SymmetricKey | PrivateKey, ...]:
        """For a recipient's url: no recipient can forge for another. The first is what `webhook-secret` prints."""
        return tuple(key.derived(url) if isinstance(key, SymmetricKey) else key for key in self.own())


def read_secret(path: str) -> Secret:
    """A secret file that must be there now; ValueError says what is wrong with it."""
    try:
        return Secret(path=Path(path))
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not UTF-8 text: put the secret alone into it") from None
    except OSError as error:
        raise ValueError(
            f"{path} cannot be read ({error.strerror}): it must be a file that this user may read"
        ) from None
