"""Server-sent events, read (HTML standard, 9.2.6 'Interpreting an event stream')."""

import codecs
import re
from collections.abc import AsyncIterator
from typing import NamedTuple

from notifier.errors import NotifierError

LONGEST = 8 * 1024 * 1024  # characters of one message, as far as we are willing to keep
_LINE_END = re.compile(r"\r\n|\n|\r")


class Message(NamedTuple):
    """`id` is the last one that was sent, on this message or before it. Without data: a sign of life."""

    id: str
    event: str
    data: str


class TooLong(NotifierError):
    """A message that never ends."""


async def messages(chunks: AsyncIterator[bytes]) -> AsyncIterator[Message]:
    """Each message, and each comment as one without data. An unfinished one at the end is dropped."""
    last_id, event, data = "", "", list[str]()
    async for line in _lines(chunks):
        if not line:
            if data:
                yield Message(last_id, event, "\n".join(data))
            event, data = "", []
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not name:
            yield Message(last_id, "", "")
        elif name == "data":
            data.append(value)
        elif name == "event":
            event = value
        elif name == "id" and "\0" not in value:
            last_id = value


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[str]:
    decode = codecs.getincrementaldecoder("utf-8-sig")("replace").decode
    rest = ""
    async for chunk in chunks:
        rest += decode(chunk)
        if len(rest) > LONGEST:
            raise TooLong("the stream sent a message without end: is this a notifier?")
        # A carriage return at the very end may be half of a line end.
        held = "\r" if rest.endswith("\r") else ""
        *lines, rest = _LINE_END.split(rest.removesuffix("\r") if held else rest)
        rest += held
        for line in lines:
            yield line
