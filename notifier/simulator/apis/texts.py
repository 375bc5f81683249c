"""Texts that several APIs write: names of tariffs, and what cancelling costs, by language."""

from collections.abc import Mapping, Sequence

CLASSES = ("econom", "business", "comfortplus", "minivan")

# state -> (title, message); the free ones stand in the examples of taxi v1 and business v2.
CANCEL_TEXTS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "en": {
        "free": (
            "Free cancellation",
            "At the moment cancellation is free. After the driver arrives, it might not be.",
        ),
        "minimal": ("Paid cancellation", "The driver is waiting. Only the pickup will be charged."),
        "paid": ("Paid cancellation", "The ride has begun. It will be charged in full."),
    },
    "ru": {
        "free": (
            "Бесплатная отмена",
            "Сейчас отмена бесплатна. После приезда водителя за это, возможно, придётся платить",
        ),
        "minimal": ("Платная отмена", "Водитель ожидает. Придётся оплатить подачу машины"),
        "paid": ("Платная отмена", "Поездка началась. Придётся оплатить её полностью"),
    },
}


def chosen(options: Sequence[str], share: float) -> str:
    """One of `options` by a share in [0, 1)."""
    return options[int(share * len(options))]


def language(accept: str | None) -> str:
    """The first language of an Accept-Language header that there are texts for; en if there is none."""
    for part in (accept or "").split(","):
        name = part.split(";")[0].strip().split("-")[0].lower()
        if name in CANCEL_TEXTS:
            return name
    return "en"
