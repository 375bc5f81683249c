"""One connection to a mail server: greeting, encryption, login, then mails one after the other (RFC 5321, RFC 3207)."""

import asyncio
import re
import socket
import ssl

import aiosmtplib
from aiosmtplib import errors as smtp

from notifier.errors import Reason
from notifier.net.names import Names, connected
from notifier.sinks.email.compose import Mail
from notifier.sinks.email.failures import Unfit
from notifier.sinks.email.settings import EmailSettings

_FULL_NAME = re.compile(r"[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+")
_TO_QUIT = 1.0  # seconds for a polite end


class Stage:
    """Where the dialogue of one attempt is: the name of the last command."""

    def __init__(self) -> None:
        self.at = "waiting for a connection"


class Connection:
    """After any exception but a server's own answer it must be aborted: nobody knows what would be answered next."""

    def __init__(self, settings: EmailSettings, tls: ssl.SSLContext | None, names: Names) -> None:
        self._settings = settings
        self._names = names
        self._smtp = aiosmtplib.SMTP(
            hostname=settings.host,  # what the certificate must be for
            use_tls=settings.encryption == "implicit",
            start_tls=False,  # done below, so that an error is told with its stage
            tls_context=tls,
            timeout=None,  # one for the whole attempt stands around it
            local_hostname="localhost",
        )

    @property
    def usable(self) -> bool:
        return bool(self._smtp.is_connected)

    async def open(self, stage: Stage) -> None:
        stage.at = "connect"
        try:
            sock = await connected(self._names, self._settings.host, self._settings.server_port)
        except OSError as error:
            raise smtp.SMTPConnectError("not connected") from error
        try:
            await self._smtp.connect(sock=sock)
        except BaseException:
            sock.close()
            raise
        self._smtp.local_hostname = self._own_name()
        stage.at = "EHLO"
        await self._greet()
        if self._settings.encryption == "starttls":
            stage.at = "STARTTLS"
            if not self._smtp.supports_extension("starttls"):
                raise Unfit(Reason.TLS, "the server offers no STARTTLS: use tls: implicit, or another port")
            await self._smtp.starttls()
            stage.at = "EHLO"
            await self._greet()
        if self._settings.username is not None:
            stage.at = "AUTH"
            await self._login(self._settings.username, self._settings.secret.get())

    async def reset(self, stage: Stage) -> None:
        """Whether it still stands, and whatever an earlier mail left behind is forgotten."""
        stage.at = "RSET"
        await self._smtp.rset()

    async def address(self, mail: Mail, stage: Stage) -> None:
        """Up to here nothing of the mail was handed over."""
        stage.at = "MAIL"
        options = [f"SIZE={len(mail.data)}"] if self._smtp.supports_extension("size") else []
        await self._smtp.mail(mail.sender, options=options)
        stage.at = "RCPT"
        await self._smtp.rcpt(mail.to)

    async def hand_over(self, mail: Mail, stage: Stage) -> None:
        stage.at = "DATA"
        await self._smtp.data(mail.data)

    async def quit(self) -> None:
        """Politely, but not for long."""
        try:
            async with asyncio.timeout(_TO_QUIT):
                await self._smtp.quit()
        except (smtp.SMTPException, OSError):
            pass  # what was sent was sent: an end that fails is an end
        finally:
            self.abort()

    def abort(self) -> None:
        self._smtp.close()

    # --- inside ------------------------------------------------------------------------------------------------

    async def _greet(self) -> None:
        try:
            await self._smtp.ehlo()
        except smtp.SMTPHeloError as refused:
            if not self.usable or refused.code < 500:
                raise
            await self._smtp.helo()  # a server without extensions (RFC 5321, 3.2)

    async def _login(self, username: str, password: str) -> None:
        """By the first way that the server offers and takes; it is encrypted, or loopback."""
        ways = {"plain": self._smtp.auth_plain, "login": self._smtp.auth_login, "cram-md5": self._smtp.auth_crammd5}
        offered = [way for name, way in ways.items() if name in self._smtp.server_auth_methods]
        if not offered:
            raise Unfit(Reason.UNAUTHORIZED, "the server offers no login that is known here (PLAIN, LOGIN, CRAM-MD5)")
        refused: smtp.SMTPAuthenticationError | None = None
        for way in offered:
            try:
                await way(username, password)
            except smtp.SMTPAuthenticationError as error:
                refused = error
            except smtp.SMTPServerDisconnected:
                if refused is None:
                    raise
                break  # it hung up after its refusal, which is what counts
            else:
                return
        assert refused is not None
        raise refused

    def _own_name(self) -> str:
        """What EHLO tells: the full name of this host, else its address (RFC 5321, 4.1.3)."""
        name = socket.gethostname()
        if _FULL_NAME.fullmatch(name):
            return name
        address = str(self._smtp.get_transport_info("sockname")[0]).partition("%")[0]
        return f"[IPv6:{address}]" if ":" in address else f"[{address}]"
