"""Errors as RFC 9457 problem documents: the one place where an exception becomes an HTTP status."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

import orjson
import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from notifier.clock import Clock
from notifier.errors import BackendError, Conflict, InputError, Problem
from notifier.log import Repeats

_log = structlog.get_logger()

RETRY_AFTER = "1"  # seconds; what was unavailable is tried again at once by the service itself


class ApiError(Exception):
    """An answer other than success, decided by a handler."""

    def __init__(
        self, status: int, detail: str, *, errors: Iterable[Problem] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})


def not_found(what: str = "There is nothing at this address.") -> ApiError:
    return ApiError(404, what)


def problem(error: ApiError) -> web.Response:
    document: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(error.status).phrase,
        "status": error.status,
        "detail": error.detail,
    }
    if error.errors:
        document["errors"] = [{"path": path, "message": message} for path, message in error.errors]
    return web.Response(
        status=error.status,
        body=orjson.dumps(document),
        content_type="application/problem+json",
        headers=error.headers,
    )


def problems(clock: Clock) -> Middleware:
    """Outermost: whatever a handler raises is answered as a problem document, without internals."""
    repeats = Repeats()

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except ApiError as error:
            return problem(error)
        except InputError as error:
            return problem(ApiError(422, "The content is wrong; see errors.", errors=error.problems))
        except Conflict as error:
            return problem(ApiError(409, str(error)))
        except web.HTTPException as error:
            return problem(_of_framework(error))
        except (web.RequestPayloadError, ConnectionError):
            return problem(ApiError(400, "The body broke off or is not as its headers say."))
        except BackendError as error:
            if (left_out := repeats.ok(type(error).__name__, clock.monotonic())) is not None:
                _log.warning("request_unavailable", error=type(error).__name__, repeated=left_out)
            return problem(
                ApiError(503, "The storage does not answer; ask again.", headers={"Retry-After": RETRY_AFTER})
            )
        except Exception as error:
            route = _route(request)
            if (left_out := repeats.ok((route, type(error).__name__), clock.monotonic())) is not None:
                _log.exception("request_failed", method=request.method, route=route, repeated=left_out)
            return problem(ApiError(500, "A fault of this service; its log tells more."))

    return answer


def _route(request: web.Request) -> str:
    """The pattern that matched, never the path: that may hold what is personal."""
    resource = request.match_info.route.resource
    return resource.canonical if resource else "none"


def _of_framework(error: web.HTTPException) -> ApiError:
    match error:
        case web.HTTPNotFound():
            return not_found()
        case web.HTTPMethodNotAllowed():
            allowed = ", ".join(sorted(error.allowed_methods))
            return ApiError(405, f"{error.method} is not possible here.", headers={"Allow": allowed})
        case web.HTTPRequestEntityTooLarge():
            return ApiError(413, "The body is larger than 256 KiB.")
        case _:
            return ApiError(error.status, HTTPStatus(error.status).description or "The request cannot be answered.")
