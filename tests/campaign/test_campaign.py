"""The short campaign: one fault of each kind, and a second round of the worst."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.campaign.campaign import SESSION, Plan, run


@pytest.mark.kafka
@pytest.mark.long
@pytest.mark.usefixtures("_kafka_runs")
@pytest.mark.timeout(300)
async def test_nothing_is_lost_doubled_or_reordered(tmp_path: Path) -> None:
    told: list[Mapping[str, Any]] = []
    kinds = ("kill", "stop", "broker", "term")
    plan = Plan(orders=80, faults=6, speed=40, poll="500ms", spread=15, longest=90, kinds=kinds)
    wrong = await run(plan, tmp_path, told.append)
    assert wrong == []
    taken = [each["taken_over"] for each in told if each.get("fault") in ("kill", "stop")]
    assert len(taken) >= 3
    assert max(taken) < SESSION + 5
