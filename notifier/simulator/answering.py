"""How a request about an order becomes an answer: who asks, what is true, which faults hit, what is written."""

from collections.abc import Callable
from typing import NamedTuple

import orjson

from notifier.simulator.apis.base import Api, Ask, Refusal
from notifier.simulator.faults import Fault, Treatment, habits
from notifier.simulator.ledger import Answer, OrderRecord
from notifier.simulator.lives import life as life_of
from notifier.simulator.lives.draw import fraction
from notifier.simulator.lives.model import Life, Moment
from notifier.simulator.world import World

_HTML = (
    b"<!DOCTYPE html><html><head><title>Please wait</title></head><body><h1>We are checking your browser</h1></body>"
)
_REFUSALS = {
    400: ("BAD_REQUEST", "Bad request"),
    401: ("UNAUTHORIZED", "Access token has been expired. You should request a new one"),
    403: ("FORBIDDEN", "The user doesn't have the rights to access the object"),
    404: ("NOT_FOUND", "Requested entry not found"),
    420: ("RATE_LIMIT", "Enhance your calm"),
    422: ("UNPROCESSABLE_ENTITY", "Incorrect input. The operation can't be performed"),
    429: ("TOO_MANY_REQUESTS", "Too many requests"),
    500: ("INTERNAL_ERROR", "Internal server error"),
    502: ("BAD_GATEWAY", "Bad gateway"),
    503: ("UNAVAILABLE", "Service unavailable"),
    504: ("GATEWAY_TIMEOUT", "Error working with the API. Repeat the request"),
}


class Reply(NamedTuple):
    """An answer, ready to be sent: `treatment` says how."""

    status: int
    body: bytes
    content_type: str
    treatment: Treatment


def refusal(status: int) -> Refusal:
    """The refusal that a fault, or an order that is not there, gives."""
    return Refusal(status, *_REFUSALS[status])


def reply(world: World, api: Api, ask: Ask, authorization: str | None) -> Reply:
    """The answer to `ask`, as of its own time. Who may not ask meets no fault and gives birth to no order."""
    refused = world.access.refuse(authorization, ask.now) or api.refuse(ask)
    if refused:
        return _refuse(api, refused, Treatment())
    order_id = api.order_id(ask)
    record = world.record(api.name, order_id, ask.now)
    life = world.life(api.name, order_id)
    treatment = _treat(world, life, record, ask.now)
    record.requests += 1
    if treatment.expire:
        world.access.expire()
        refused = world.access.refuse(authorization, ask.now)
    elif treatment.status:
        refused = refusal(treatment.status)
    moment, seen = _seen(world, life, treatment, ask)
    if not refused and (moment.status is None or ask.now < life.born):
        refused = refusal(404)
    answer = _refuse(api, refused, treatment) if refused else _tell(api, life, moment, seen, treatment)
    dropped = treatment.mode == "drop"
    told = None if refused or treatment.mode else moment.status
    record.answers.append(Answer(ask.now, None if dropped else answer.status, told, treatment.kinds))
    return answer


def reply_token(world: World, authorization: str | None, grant_type: str, now: int) -> Reply:
    """The token endpoint's answer; faults reach it as API `oauth`, and a refusal is `{error, error_description}`."""
    treatment = world.faults.treat("oauth", "token", world.access.asked, now)
    world.access.asked += 1
    told: object = refusal(treatment.status) if treatment.status else None
    told = told or world.access.issue(authorization, grant_type, now)
    status = 200
    if isinstance(told, Refusal):
        status, told = told.status, {"error": told.code, "error_description": told.message}
    return _spoil(Reply(status, orjson.dumps(told), "application/json", treatment))


def _treat(world: World, life: Life, record: OrderRecord, now: int) -> Treatment:
    """Faults on demand first, then those that the order's id spells."""
    treatment = world.faults.treat(life.api, life.order_id, record.requests, now)
    if life.habits:
        habits(treatment, dict(life.habits), record.requests, life.speed)
    word = life.moment(now).fault
    if word is not None:
        treatment.suffer(Fault(kind=word))  # type: ignore[arg-type]  # FAULT_WORDS are kinds, a test says so
    return treatment


def _seen(world: World, life: Life, treatment: Treatment, ask: Ask) -> tuple[Moment, Ask]:
    """The moment that is shown, and the ask at its time: a stale replica, a skewed clock and skipped steps differ."""
    hidden: Callable[[int], bool] | None = None
    if life.habit("skip") is not None:
        hidden = _odd
    elif treatment.skip:
        hidden = _drawn(world.seed, life, treatment.skip)
    now = ask.now
    if treatment.behind and now >= life.born:
        now = max(life.born, now - round(treatment.behind * 1_000))
    if treatment.skew:
        skew = round(treatment.skew * 1_000)
        now += skew
        life = life_of(life.seed, life.api, life.order_id, born=life.born + skew, speed=life.speed)
    return life.moment(now, hidden) if hidden else life.moment(now), ask._replace(now=now)


def _odd(step: int) -> bool:
    return step % 2 == 1


def _drawn(seed: int, life: Life, probability: float) -> Callable[[int], bool]:
    return lambda step: fraction(seed, life.api, life.order_id, "skip", step) < probability


def _refuse(api: Api, refused: Refusal, treatment: Treatment) -> Reply:
    return _spoil(Reply(refused.status, orjson.dumps(api.error(refused)), "application/json", treatment))


def _tell(api: Api, life: Life, moment: Moment, ask: Ask, treatment: Treatment) -> Reply:
    order = api.render(life, moment, ask)
    if treatment.mode == "no_status":
        order.pop("status")
    elif treatment.mode == "wrong_types":
        order["status"] = 17
    return _spoil(Reply(200, orjson.dumps(order), "application/json", treatment))


def _spoil(answer: Reply) -> Reply:
    match answer.treatment.mode:
        case "html":
            status = answer.treatment.status or 200
            return answer._replace(status=status, body=_HTML, content_type="text/html")
        case "empty":
            return answer._replace(body=b"")
        case "truncated":
            return answer._replace(body=answer.body[: len(answer.body) // 2])
    return answer
