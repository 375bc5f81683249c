"""aiokafka's clients, made in one way from one set of settings: started, or a clear error that says why not.

Its defaults are not ours: records of aborted transactions would be read, offsets committed, and reading begin at the
end. Sizes: a stored record has at most 900 kB, a batch about 1 MB, a commit about 4 MiB.
"""

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError

from notifier.clock import Clock, SystemClock
from notifier.errors import BackendError, Refused, Unavailable
from notifier.net.kafka.deadline import within
from notifier.net.kafka.ending import Client, end
from notifier.net.kafka.errors import detail, row
from notifier.net.kafka.login import TokenProvider
from notifier.net.kafka.probe import cause, words
from notifier.net.kafka.quiet import limit_log_lines
from notifier.net.kafka.settings import KafkaSecurity
from notifier.net.kafka.transactions import Transactions

START = 15.0  # seconds until a client stands
MIB = 1 << 20
LARGEST_REQUEST = 8 * MIB
BATCH = 1_000_000
TRANSACTION_TIMEOUT = 10_000  # ms; without a successor an abandoned one hides what others committed for so long

_T = TypeVar("_T", bound=Client)


class Reachable(Protocol):
    """What the settings of the backend and of the sink have in common."""

    @property
    def bootstrap_servers(self) -> Sequence[str]: ...

    @property
    def security(self) -> KafkaSecurity: ...


class Clients:
    """Makes clients; each has connections of its own, and ends by `ending.end`."""

    def __init__(self, settings: Reachable, clock: Clock | None = None, *, name: str = "order-notifier") -> None:
        """`name`: the client id that the brokers' logs and quotas show."""
        self._servers = list(settings.bootstrap_servers)
        self._security = settings.security
        self._name = name
        oauth2 = settings.security.oauth2
        self._tokens = TokenProvider(oauth2, clock or SystemClock()) if oauth2 else None
        limit_log_lines()

    async def producer(
        self, transactional_id: str | None = None, *, seconds: float = START, **options: Any
    ) -> AIOKafkaProducer:
        """Idempotent, transactional with an id; started, which fences a former producer of that id."""
        ours = {
            "enable_idempotence": True,
            "acks": "all",
            "compression_type": "lz4",
            "max_batch_size": BATCH,
            "max_request_size": LARGEST_REQUEST,
            "transactional_id": transactional_id,
            "transaction_timeout_ms": TRANSACTION_TIMEOUT,
        }
        return await self.started(AIOKafkaProducer(**(self.options() | ours | options)), seconds)

    async def transactions(self, id: str, timeout: float, *, seconds: float = START) -> Transactions:
        """Started, which fences a former producer of that id. `timeout`: of one transaction, in seconds."""
        return await self.started(Transactions(AIOKafkaClient(**self.options()), id, timeout), seconds)

    def unstarted_consumer(self, **options: Any) -> AIOKafkaConsumer:
        """For a group: subscribe, then `started`. read_committed, from the beginning, no offset committed."""
        ours = {
            "isolation_level": "read_committed",
            "auto_offset_reset": "earliest",
            "enable_auto_commit": False,
            "max_partition_fetch_bytes": LARGEST_REQUEST,
        }
        return AIOKafkaConsumer(**(self.options() | ours | options))

    async def consumer(self, *, seconds: float = START, **options: Any) -> AIOKafkaConsumer:
        """Started, without topics: `assign` says what it reads."""
        return await self.started(self.unstarted_consumer(**options), seconds)

    async def admin(self, *, seconds: float = START, **options: Any) -> AIOKafkaAdminClient:
        return await self.started(AIOKafkaAdminClient(**(self.options() | options)), seconds)

    async def started(self, client: _T, seconds: float = START) -> _T:
        """The same client, connected. Refused where the brokers say no, Unavailable where they cannot be reached."""
        doing = f"connecting to Kafka at {', '.join(self._servers)}"
        try:
            async with within(seconds, doing):
                await client.start()
        except BackendError as error:
            await end(client, 0)
            if isinstance(error, Unavailable) and isinstance(error.__cause__, KafkaConnectionError):
                await self._say_why(doing)
            raise
        except BaseException:
            await end(client, 0)
            raise
        return client

    async def cause(self, patience: float = 5.0) -> BaseException | None:
        """Why no broker can be talked to just now, for `errors.row` and `words`; None: one can."""
        return await cause(self._servers, self.options(), patience)

    def words(self, error: BaseException) -> str:
        """What it means, and what to do; without any address."""
        return words(error, self._security.protocol)

    async def _say_why(self, doing: str) -> None:
        """aiokafka tells the cause to its log only."""
        found = await self.cause()
        if found is not None:
            raise row(found).error(f"{doing}: {self.words(found)}") from found

    async def close(self) -> None:
        """The connections to who hands out tokens; the clients are whose they are."""
        if self._tokens is not None:
            await self._tokens.close()

    def options(self) -> dict[str, Any]:
        """Where and who, for any of aiokafka's clients; certificates and passwords as their files are now. Refused."""
        security = self._security
        options: dict[str, Any] = {
            "bootstrap_servers": self._servers,
            "client_id": self._name,
            "security_protocol": security.protocol,
        }
        if security.encrypted:
            try:
                options["ssl_context"] = security.tls()
            except OSError as error:
                files = "security.ca_file, cert_file and key_file"
                raise Refused(f"the files of {files} cannot be used any more ({detail(error)}): mend them") from error
        if security.mechanism is not None:
            options["sasl_mechanism"] = security.mechanism
        if self._tokens is not None:
            options["sasl_oauth_token_provider"] = self._tokens
        elif security.mechanism is not None:
            options |= {"sasl_plain_username": security.username, "sasl_plain_password": security.secret.get()}
        return options
