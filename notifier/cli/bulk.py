"""Many watches at once: lines in, requests with bounded concurrency, the order of one key's lines kept."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO, NamedTuple

import orjson

from notifier.cli.ask import Service, ServiceError

LONGEST = 256 * 1024  # bytes of one body that the service takes

_FOR_ALL = frozenset({0, 401, 403, 404, 405})  # what one line was answered, the next would be, too


class Line(NamedTuple):
    """`text` is None where the line is too long to be a body."""

    number: int
    text: bytes | None


@dataclass(slots=True)
class Report:
    added: int = 0
    replaced: int = 0
    failed: list[tuple[int, str, list[dict[str, str]]]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        failed = [
            {"line": number, "message": message, "errors": errors} for number, message, errors in sorted(self.failed)
        ]
        return {"added": self.added, "replaced": self.replaced, "failed": failed}


def read_lines(file: BinaryIO, told: Callable[[int], None] = lambda _: None) -> Iterator[Line]:
    """Lines that are not blank, one in memory at a time. `told` hears of the bytes read so far."""
    number = total = 0
    while raw := file.readline(LONGEST + 2):
        number += 1
        total += len(raw)
        whole = raw.endswith(b"\n") or len(raw) < LONGEST + 2
        while not whole and (rest := file.readline(LONGEST)):
            total += len(rest)
            if rest.endswith(b"\n"):
                break
        told(total)
        text = raw.strip().removeprefix(b"\xef\xbb\xbf")
        if text:
            yield Line(number, text if whole else None)


async def put_lines(
    service: Service, lines: Iterable[Line], concurrency: int, tell: Callable[[int, str], None]
) -> Report:
    """Each line is a body of POST /v1/watches. ServiceError when the service cannot be asked at all."""
    report = Report()
    queues: list[asyncio.Queue[Line | None]] = [asyncio.Queue(4) for _ in range(concurrency)]

    async def work(queue: asyncio.Queue[Line | None]) -> None:
        while (line := await queue.get()) is not None:
            await _put(service, line, report, tell)

    async def feed() -> None:
        for line in lines:
            await queues[_lane(line.text) % concurrency].put(line)
        for queue in queues:
            await queue.put(None)

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(feed())
            for queue in queues:
                group.create_task(work(queue))
    except* ServiceError as errors:
        raise next(error for error in errors.exceptions if isinstance(error, ServiceError)) from None
    return report


def _lane(text: bytes | None) -> int:
    """Lines about one order go one after the other: the last one counts."""
    body = _parsed(text)
    return hash((str(body.get("source")), str(body.get("ids")))) if isinstance(body, dict) else 0


def _parsed(text: bytes | None) -> object:
    try:
        return orjson.loads(text or b"")
    except orjson.JSONDecodeError:
        return None


async def _put(service: Service, line: Line, report: Report, tell: Callable[[int, str], None]) -> None:
    if line.text is None:
        _failed(report, line, tell, ServiceError("is longer than 256 KiB"))
        return
    if _parsed(line.text) is None:
        _failed(report, line, tell, ServiceError("is not JSON"))
        return
    try:
        status, _ = await service.post("/v1/watches", line.text)
    except ServiceError as error:
        if error.status in _FOR_ALL:
            raise
        _failed(report, line, tell, error)
    else:
        report.added += status == 201
        report.replaced += status != 201


def _failed(report: Report, line: Line, tell: Callable[[int, str], None], error: ServiceError) -> None:
    message = (
        str(error).partition("\n")[0]
        if not error.errors
        else "; ".join(f"{path}: {message}" if path else message for path, message in error.errors)
    )
    report.failed.append((line.number, message, [problem._asdict() for problem in error.errors]))
    tell(line.number, message)
