"""Packed bodies, whole or not at all: a client's own unpacking takes gzip without its end, where the checksum is."""

import zlib

from notifier.errors import LookFailed, Reason

_GZIP, _ZLIB, _RAW = 31, 15, -15  # zlib's window bits
_ANY_ZLIB = 0x08  # the method in the low half of a zlib stream's first byte


def unpack(body: bytes, encoding: str, most: int) -> bytes:
    """What `Content-Encoding` packed. `most`: bytes, unpacked.

    LookFailed: unreadable for what is broken off, damaged or packed in another way; too_large.
    """
    name = encoding.strip().lower()
    if not body or name in ("", "identity"):
        return body
    if name not in ("gzip", "x-gzip", "deflate"):
        raise LookFailed(Reason.UNREADABLE, "packed in a way that cannot be read")
    bits = _GZIP
    if name == "deflate":
        bits = _ZLIB if body[0] & 0x0F == _ANY_ZLIB else _RAW  # many servers leave zlib's frame away
    parts: list[bytes] = []
    room = most + 1
    try:
        while body and room > 0:
            stream = zlib.decompressobj(wbits=bits)
            part = stream.decompress(body, room)
            room -= len(part)
            parts.append(part)
            if room > 0 and not stream.eof:
                raise LookFailed(Reason.UNREADABLE, "packed, and broken off before its end")
            body = stream.unused_data  # gzip may go on with another member
    except zlib.error as error:
        raise LookFailed(Reason.UNREADABLE, "packed in a way that cannot be read") from error
    if room <= 0:
        raise LookFailed(Reason.TOO_LARGE, f"answer over {most} bytes")
    return parts[0] if len(parts) == 1 else b"".join(parts)
