"""Restaurant orders: NEW to DELIVERED, forward only, CANCELLED from any but DELIVERED (restaurant, `status`)."""

import random

from notifier.simulator.lives.draft import Draft
from notifier.simulator.lives.model import Kind
from notifier.simulator.lives.words import Script, Word

TOLD: frozenset[Kind] = frozenset({"status", "fault"})
_DWELLS = {
    "NEW": (10, 120), "ACCEPTED_BY_RESTAURANT": (30, 180), "COOKING": (300, 1_500), "READY": (60, 600),
    "TAKEN_BY_COURIER": (600, 1_800),
}  # fmt: skip


def script(draw: random.Random) -> Script:
    """An order as it may go; one in twelve is cancelled on the way."""
    words = [Word(status, int(draw.uniform(*span) * 1_000)) for status, span in _DWELLS.items()]
    if draw.random() < 0.08:
        return Script((*words[: draw.randint(1, len(words))], Word("CANCELLED")))
    return Script((*words, Word("DELIVERED")))


def tell(draft: Draft) -> frozenset[Kind]:
    """Write the order into `draft`; the kinds that the API lets anyone see."""
    for word in draft.play():
        draft.tell("status", word.text)
    return TOLD
