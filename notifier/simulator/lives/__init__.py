"""The life of an order as a pure function of seed, API, id and birth: no clock, no chance, no state.

`life(7, "taxi_v1", "8b8de2e4", born=1_795_258_800_000).statuses()` is the same everywhere and for ever.
"""

from collections.abc import Callable
from random import Random
from typing import NamedTuple

from notifier.simulator.lives import restaurant, taxi, track_trace
from notifier.simulator.lives.draft import Draft
from notifier.simulator.lives.draw import generator
from notifier.simulator.lives.model import Kind, Life
from notifier.simulator.lives.words import ACTIONS, FAULT_WORDS, Script, Word, spelled


class _Family(NamedTuple):
    first: str
    script: Callable[[Random], Script]
    tell: Callable[[Draft], frozenset[Kind]]


_TAXI = _Family("search", taxi.script, taxi.tell)
_FAMILIES = {
    "progress": _TAXI,
    "taxi_v1": _TAXI,
    "business_v2": _TAXI,
    "track_trace": _Family("new", track_trace.script, track_trace.tell),
    "restaurant": _Family("NEW", restaurant.script, restaurant.tell),
}
_NO_STATUS = FAULT_WORDS | ACTIONS | {""}
API_NAMES = tuple(_FAMILIES)


def life(seed: int, api: str, order_id: str, *, born: int, speed: float = 1.0) -> Life:
    """The life of `order_id` from `born` (ms, UTC) on.

    Its own time runs `speed` times faster than the wall clock: every dwell is divided by it, and all times that the API
    tells (due dates too) are wall times. Raises ValueError for an API that is none of `API_NAMES`.
    """
    if api not in _FAMILIES:
        raise ValueError(f"{api!r} is no order API; there are {', '.join(API_NAMES)}")
    family = _FAMILIES[api]
    script = spelled(order_id) or family.script(generator(seed, api, order_id, "script"))
    if all(word.text in _NO_STATUS for word in script.words):
        script = script._replace(words=(Word(family.first), *script.words))
    draft = Draft(seed, api, order_id, born, speed, script)
    told = family.tell(draft)
    return Life(
        api=api,
        order_id=order_id,
        seed=seed,
        born=born,
        speed=speed,
        changes=draft.written(),
        told=told,
        route=draft.route,
        person=draft.person,
        legs=tuple(draft.legs),
        habits=script.habits,
    )
