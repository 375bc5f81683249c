from collections.abc import AsyncIterator

import pytest

from tests.net.peer import Peer


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    peer = Peer()
    await peer.open()
    yield peer
    await peer.close()
