"""A life while it is being written: a script's own time becomes wall time here, and nowhere else."""

from collections.abc import Iterator
from typing import Any

from notifier.simulator.lives import cast
from notifier.simulator.lives.draw import fraction, generator
from notifier.simulator.lives.model import Change, Kind, Leg, Place
from notifier.simulator.lives.words import FAULT_WORDS, Script, Word


class Draft:
    """Collects the changes and the legs of one order; `elapsed` is the order's own time in ms since its birth."""

    def __init__(self, seed: int, api: str, order_id: str, born: int, speed: float, script: Script) -> None:
        self.seed, self.api, self.order_id = seed, api, order_id
        self.born, self.speed, self.script = born, speed, script
        self.habits = dict(script.habits)
        self.elapsed = 0
        self.changes: list[Change] = []
        self.legs: list[Leg] = []
        draw = generator(seed, api, order_id, "route")
        self.route = (cast.place(draw), cast.place(draw))
        self.person = cast.person(draw)
        self.drivers = 0

    def wall(self, offset: float) -> int:
        """The wall time of `offset` ms of the order's own time."""
        return self.born + round(offset / self.speed)

    @property
    def now(self) -> int:
        """The wall time at which the present word begins."""
        return self.wall(self.elapsed)

    def share(self, name: str) -> float:
        """As `Life.share`, for what must be known while the life is written."""
        return fraction(self.seed, self.api, self.order_id, name)

    def tell(self, kind: Kind, value: Any, after: int = 0) -> None:
        """From `after` ms of the order's own time later on, the API tells `value`."""
        self.changes.append(Change(self.wall(self.elapsed + after), kind, value))

    def latest(self, kind: Kind) -> Any:
        """What was told last of `kind`, None if nothing was."""
        return next((change.value for change in reversed(self.changes) if change.kind == kind), None)

    def driver(self) -> None:
        """Another driver takes the order."""
        self.tell("performer", cast.performer(self.seed, self.api, self.order_id, self.drivers))
        self.drivers += 1

    def drive(self, origin: Place, destination: Place, ms: int) -> None:
        """The vehicle goes from one place to the other within `ms` of the order's own time."""
        self.legs.append(Leg(self.now, self.wall(self.elapsed + ms), origin, destination))

    def play(self) -> Iterator[Word]:
        """Each word of the script at its time; faults begin and end here, and are not among the words."""
        faulty = False
        for word in self.script.words:
            if faulty:
                self.tell("fault", None)
            faulty = word.text in FAULT_WORDS
            if faulty:
                self.tell("fault", word.text)
            elif word.text:
                yield word
            self.elapsed += word.dwell

    def written(self) -> tuple[Change, ...]:
        """All changes by time; those of one time stay in the order in which they were told."""
        return tuple(sorted(self.changes, key=lambda change: change.time_ms))
