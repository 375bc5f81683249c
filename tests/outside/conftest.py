"""One order API, one receiver, one mail server, one of SMS gateways, and programs that end with the test."""

from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.outside.gateways import Gateways
from tests.outside.order_api import OrderApi
from tests.outside.program import Program
from tests.outside.receiver import Receiver
from tests.sinks.mail_server import MailServer

Start = Callable[..., Program]


@pytest.fixture
async def api() -> AsyncIterator[OrderApi]:
    server = await OrderApi().start()
    yield server
    await server.stop()


@pytest.fixture
async def hook() -> AsyncIterator[Receiver]:
    receiver = await Receiver().start()
    yield receiver
    await receiver.stop()


@pytest.fixture
async def mails() -> AsyncIterator[MailServer]:
    server = MailServer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def texts() -> AsyncIterator[Gateways]:
    server = await Gateways().start()
    yield server
    await server.stop()


@pytest.fixture
async def programs(tmp_path: Path) -> AsyncIterator[Start]:
    """Makes programs, each in a folder of its own, and ends those that a test leaves running."""
    made: list[Program] = []

    def make(config: Mapping[str, Any], **more: Any) -> Program:
        folder = tmp_path / f"program{len(made)}"
        folder.mkdir()
        made.append(Program(folder, config, **more))
        return made[-1]

    yield make
    for program in made:
        await program.close()
