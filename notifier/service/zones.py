"""Time zones by name. Finding one reads the machine's or tzdata's files, so it is done here and not in `routing`."""

from datetime import UTC, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import structlog

from notifier.model import Delivery
from notifier.routing.facts import unpack
from notifier.service.runtime import Runtime

log = structlog.get_logger()


def zone_of(delivery: Delivery, runtime: Runtime) -> tzinfo:
    """The recipient's; the source's where a watch names none, or a rule gives the address."""
    told = unpack(delivery.facts).timezone if delivery.facts is not None else None
    source = runtime.sources.get(delivery.key.partition("/")[0])
    return _zone(told or (source.settings.timezone if source else "UTC"))


@lru_cache(maxsize=1024)
def _zone(name: str) -> tzinfo:
    """Names are checked when they come in; one that this machine does not know all the same counts as UTC."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        log.error("zone_unknown", zone=name)
        return UTC
