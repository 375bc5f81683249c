"""An order API that costs next to nothing: a raw asyncio protocol that answers business_v2 bodies from memory.

`python -m bench.server CHANGED` prints its port; CHANGED is the share of answers (0 to 1) that tell a new cost.
"""

import asyncio
import sys
from typing import cast

BODY = (
    b'{"id":"%s","user_id":"5769a1d0ed084122a5ff50d67941edc8","class":"econom","status":"driving",'
    b'"due_date":"2026-11-21T10:54:55+03:00","performer":{"vehicle":{"model":"Nissan Qashqai","number":"B746YO777",'
    b'"color":"green"},"fullname":"Sazonov Stanimir Matveyevich","phone":"+79120995513,,95576"},'
    b'"source":{"fullname":"Moscow, Zoologicheskaya St., 28 bld 1","geopoint":[37.58508433837886,55.76631637044709]},'
    b'"destination":{"fullname":"Moscow, Godovikova, 9 bld 1","geopoint":[37.62525310058589,55.80713497241309]},'
    b'"cancel_rules":{"can_cancel":true,"message":"At the moment cancellation is free. After the driver arrives, it '
    b'might not be.","state":"free","title":"Free cancellation"},"cost":%d,"cost_with_vat":%d,'
    b'"cost_center_values":[{"id":"cost_center","title":"Trip goal","value":""}],'
    b'"toll_roads":{"user_chose_toll_road":true,"user_had_choice":true,"auto_payment":true}}'
)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


class Answering(asyncio.Protocol):
    """Keep-alive GETs without bodies; pipelining is understood."""

    every = 0  # each so many-th answer is a changed one; 0: none
    asked = 0
    costs: dict[bytes, int] = {}  # noqa: RUF012 (one table for all connections is meant)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while b"\r\n\r\n" in self.buffer:
            request, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
            self.transport.write(self.answer(request.split(b" ", 2)[1].rpartition(b"=")[2]))

    @classmethod
    def answer(cls, order: bytes) -> bytes:
        if cls.every and not order.startswith(b"bare"):  # what only the bare loop sees is no change for the service
            cls.asked += 1
            if cls.asked % cls.every == 0:
                cls.costs[order] = cls.costs.get(order, 500) + 1
        cost = cls.costs.get(order, 500)
        body = BODY % (order, cost, cost)
        return HEAD % len(body) + body


async def main(changed: float) -> None:
    Answering.every = round(1 / changed) if changed else 0
    server = await asyncio.get_running_loop().create_server(Answering, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().connect_read_pipe(End, sys.stdin)
    await server.serve_forever()


class End(asyncio.Protocol):
    """The parent's end is ours: its pipe closes."""

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        asyncio.get_running_loop().stop()


if __name__ == "__main__":
    try:
        import uvloop

        uvloop.install()
        asyncio.run(main(float(sys.argv[1])))
    except RuntimeError as error:
        if "Event loop stopped" not in str(error):
            raise
