"""Invented people, cars and places, drawn by name. Phones are in a range that is never called: +7 000."""

import random

from notifier.simulator.lives.draw import generator, number
from notifier.simulator.lives.model import Performer, Person, Place

_DRIVERS = (
    "Sazonov Stanimir",
    "Иванова Мария",
    "Karimov Timur",
    "Сергей",
    "Hakobyan Ani",
    "O'Neill Fergus",
    "Ли Алексей",
)
_PERSONS = ("Менеджер Анна", "Petrov Ilya", "Zoë Müller", "Новикова Дарья", "Cohen Noa", "Орлов Павел")
_MODELS = ("Nissan Qashqai", "Volkswagen Caravelle", "Kia Rio", "Škoda Octavia", "Geely Coolray", "Lada Vesta")
_COLORS = ("green", "white", "коричневый", "жёлтый", "black", "silver")
_STREETS = (
    "Zoologicheskaya St.",
    "Godovikova",
    "Большая Никитская улица",
    "улица Тимура Фрунзе",
    "Lesnaya",
    "Ходынский бульвар",
)
_LETTERS = "АВЕКМНОРСТУХ"


def performer(seed: int, api: str, order_id: str, nth: int) -> Performer:
    """The `nth` driver of an order; a fall-back to search gives the next one."""
    draw = generator(seed, api, order_id, "driver", nth)
    letters = "".join(draw.choice(_LETTERS) for _ in range(3))
    plate = f"{letters[0]}{draw.randint(1, 999):03}{letters[1:]}{draw.choice((77, 97, 177, 777))}"
    # A call centre's number with dial pauses, as in business v2, response example.
    phone = "+7000" + str(number(seed, api, order_id, "phone", nth, digits=7))
    phone += f",,{draw.randint(10_000, 99_999)}" if api == "business_v2" and draw.random() < 0.5 else ""
    name = f"{draw.choice(_DRIVERS)} {nth + 1}" if nth else draw.choice(_DRIVERS)
    return Performer(name, phone, draw.choice(_MODELS), draw.choice(_COLORS), plate)


def person(draw: random.Random) -> Person:
    """Who ordered."""
    return Person(f"{draw.getrandbits(128):032x}", draw.choice(_PERSONS), f"+7000{draw.randint(10**6, 10**7 - 1)}")


def place(draw: random.Random) -> Place:
    """A house in Moscow."""
    address = f"Moscow, {draw.choice(_STREETS)}, {draw.randint(1, 90)}"
    return Place(round(draw.uniform(55.65, 55.85), 6), round(draw.uniform(37.45, 37.75), 6), address)


def near(place: Place, draw: random.Random, degrees: float = 0.02) -> Place:
    """A point some `degrees` off (0.02 is about two kilometres)."""
    lat = place.lat + draw.uniform(-degrees, degrees)
    return Place(round(lat, 6), round(place.lon + draw.uniform(-degrees, degrees), 6))
