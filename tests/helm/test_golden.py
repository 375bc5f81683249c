"""The examples as they were last looked at.

Changed on purpose? `UPDATE_GOLDEN=1 pytest tests/helm/test_golden.py`, and read the diff.
"""

import os
from pathlib import Path

import pytest

from tests.helm import chart

GOLDEN = Path(__file__).with_name("golden")


@pytest.mark.parametrize("name", sorted(chart.EXAMPLES))
def test_golden(name: str) -> None:
    files = chart.texts(chart.example(name))
    files.pop("dashboard.yaml")  # a file of its own, in the chart
    parts = [f"# {file}\n{text.strip()}\n" for file, text in sorted(files.items()) if text.strip()]
    rendered = "---\n".join(parts)
    golden = GOLDEN / f"{name}.yaml"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(rendered)
    assert rendered == golden.read_text()
