"""Whether mails could be sent: the dialogue up to the login, and no further."""

import asyncio

from notifier.clock import Clock
from notifier.net.names import Names
from notifier.sinks.email.dialogue import Connection, Stage
from notifier.sinks.email.failures import MAPPED, outcome
from notifier.sinks.email.settings import EmailSettings
from notifier.sinks.email.sink import tls_of
from notifier.sinks.reach import Reached

_ENCRYPTED = {"none": "unencrypted", "starttls": "STARTTLS", "implicit": "TLS"}


async def reach(settings: EmailSettings, _clock: Clock) -> Reached:
    """EHLO, STARTTLS and login, as the settings want them. No mail is begun."""
    names, stage = Names(), Stage()
    connection = Connection(settings, tls_of(settings), names)
    try:
        async with asyncio.timeout(settings.timeout / 1000):
            await connection.open(stage)
    except MAPPED as error:
        connection.abort()
        failed = outcome(error, stage.at, settings.private)
        return Reached(False, ": ".join(filter(None, (failed.reason, failed.status, failed.detail))))
    except BaseException:
        connection.abort()
        raise
    else:
        await connection.quit()
    finally:
        await names.close()
    login = "login accepted" if settings.username is not None else "without login"
    return Reached(True, f"connected, {_ENCRYPTED[settings.encryption]}, {login}")
