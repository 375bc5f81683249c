"""`python -m tests.campaign`: see the package's docstring."""

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.campaign.campaign import Plan, run


def say(told: Mapping[str, Any]) -> None:
    print(json.dumps(told), flush=True)


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m tests.campaign", description=__doc__)
    options.add_argument("--orders", type=int, default=2000)
    options.add_argument("--faults", type=int, default=50)
    options.add_argument("--replicas", type=int, default=3)
    options.add_argument("--brokers", type=int, default=3, choices=(1, 3))
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--speed", type=float, default=2.0, help="how much faster the orders live")
    options.add_argument("--poll", default="5s")
    options.add_argument("--spread", type=float, default=300.0, help="seconds over which the orders come in")
    options.add_argument("--longest", type=float, default=1800.0, help="seconds; who would live longer is left out")
    options.add_argument("--keep", type=Path, help="a new folder for all logs; by default they are removed")
    given = vars(options.parse_args())
    keep = given.pop("keep")
    plan = Plan(**given)
    if keep is not None:
        keep.mkdir(parents=True)
        wrong = asyncio.run(run(plan, keep, say))
    else:
        with tempfile.TemporaryDirectory() as folder:
            wrong = asyncio.run(run(plan, Path(folder), say))
    for problem in wrong:
        say({"wrong": problem})
    say({"wrong": len(wrong)})
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
