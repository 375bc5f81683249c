"""The keys of a webhook sink: those of its secret as it is now, and those of a recipient's url."""

from pathlib import Path

import structlog

from notifier.fields import Secret
from notifier.sinks.signing import PrivateKey, SymmetricKey, signing_keys

log = structlog.get_logger()


class Keys:
    """The keys of a secret as it is now."""

    def __init__(self, secret: Secret) -> None:
        self._secret = secret
        self._text = secret.get()
        self._parsed = signing_keys(self._text)

    def own(self) -> tuple[SymmetricKey | PrivateKey, ...]:
        """For the sink's own url."""
        text = self._secret.get()
        if text != self._text:
            self._text = text
            try:
                self._parsed = signing_keys(text)
            except ValueError as error:
                # Half-written, or a slip: what was valid signs on until the file is right.
                log.warning("secret_unusable", error=str(error))
        return self._parsed

    def of(self, url: str) -> tuple[SymmetricKey | PrivateKey, ...]:
        """For a recipient's url: no recipient can forge for another. The first is what `webhook-secret` prints."""
        return tuple(key.derived(url) if isinstance(key, SymmetricKey) else key for key in self.own())


def read_secret(path: str) -> Secret:
    """A secret file that must be there now; ValueError says what is wrong with it."""
    try:
        return Secret(path=Path(path))
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not UTF-8 text: put the keys alone into it") from None
    except OSError as error:
        raise ValueError(
            f"{path} cannot be read ({error.strerror}): it must be a file that this user may read"
        ) from None
