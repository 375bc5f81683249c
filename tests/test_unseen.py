"""JSON that no terminal obeys, and that means the same."""

import json

import orjson
from hypothesis import given
from hypothesis import strategies as st

from notifier.unseen import escaped


@given(st.text())
def test_it_means_the_same(text: str) -> None:
    assert json.loads(escaped(json.dumps({text: text}, ensure_ascii=False))) == {text: text}


def test_terminals_and_readers_see_no_commands() -> None:
    shown = escaped(orjson.dumps({"name": "I\x9b31m\x7f\u202eva\u2066n\u2028é Ж"}).decode())
    assert shown == '{"name":"I\\u009b31m\\u007f\\u202eva\\u2066n\\u2028é Ж"}'
