"""Configurations that nobody would write: each is read, or told what is wrong with it, and never a fault of ours."""

import copy
import random
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from notifier.config.load import load, load_api, load_sqlite, load_templates
from notifier.errors import ConfigError, Problem

EXAMPLES = [yaml.safe_load(path.read_text()) for path in sorted((Path(__file__).parents[2] / "config").rglob("*.yaml"))]
for example in EXAMPLES:
    example["watches"] = [{"source": next(iter(example.get("sources", "a"))), "ids": {"order_id": "1"}}] * 3
ENV = {"TRIPS_TOKEN": "t", "X": "${Q}", "EMPTY": ""}
FILES = 40  # for each seed
STRANGE: tuple[Any, ...] = (
    None, True, 0, -1, 1.5, 10**30, "", " ", "x", "5s", "${X}", "${EMPTY}", "${UNSET:-${X}}", "$${Z}", "${", "a/b",
    "\0", "é", [], {}, [[]], [None], {"a": 1}, {1: 2}, "recipients", "https://x", "22:00", "20/h", "arrived",
    {"type": "email"}, {"type": ["x"]}, "{text}", "[[", "x" * 3000,
)  # fmt: skip
KEYS = ("type", "sink", "to", "when", "send", "ids", "source", "url", "secret", "poll", "while", 1, None, True)
Place = tuple[Any, ...]


def places(value: Any, place: Place = ()) -> Iterator[Place]:
    if place:
        yield place
    for step in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield from places(value[step], (*place, step))


def changed(values: dict[str, Any], draw: random.Random) -> dict[str, Any]:
    """One or a few values are strange, missing, doubled, or under a key that is not theirs."""
    values = copy.deepcopy(values)
    for _ in range(draw.choice((1, 1, 2, 4))):
        if not (found := list(places(values))):
            break
        *way, last = draw.choice(found)
        here: Any = values
        for step in way:
            here = here[step]
        match draw.randrange(5):
            case 0:
                del here[last]
            case 1 if isinstance(here, list):
                here.append(copy.deepcopy(here[last]))
            case 1:
                here[draw.choice(KEYS)] = copy.deepcopy(draw.choice(STRANGE))
            case _:
                here[last] = copy.deepcopy(draw.choice(STRANGE))
    return values


@pytest.mark.parametrize("seed", range(4))
def test_whatever_a_file_holds_it_is_read_or_refused(tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    file = tmp_path / "notifier.yaml"
    refused = 0
    for _ in range(FILES):
        file.write_text(yaml.safe_dump(changed(draw.choice(EXAMPLES), draw), allow_unicode=True))
        for read in (load, load_api, load_sqlite, load_templates):
            told = problems(read, file)
            assert all(problem.message for problem in told)
            refused += bool(told)
    assert refused > FILES / 2, "too little was wrong"


def problems(read: Callable[[Path, Mapping[str, str]], object], file: Path) -> tuple[Problem, ...]:
    """Empty when it is valid; anything but a ConfigError passes through."""
    try:
        read(file, ENV)
    except ConfigError as error:
        return error.problems or (Problem("", ""),)  # refused without a word
    return ()
