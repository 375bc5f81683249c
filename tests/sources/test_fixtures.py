"""Every answer of the documents, and every form in which they contradict themselves, read to the last field."""

import pytest

from notifier.model import Phase
from notifier.net.fetch import Response
from tests.sources.adapters import ADAPTERS, answers, refusals
from tests.sources.expected import EXPECTED

REFUSED = {
    ("restaurant", "refusal_400"): "100: Description of error",
    ("restaurant", "refusal_401"): "Access token has been expired. You should request a new one",
    ("restaurant", "refusal_404"): "100: Description of error",
    ("restaurant", "refusal_500"): "100: Description of error",
    ("business_v2", "refusal_403_header"): "SELECT_CLIENT_HEADER_REQUIRED: several clients go with this token, "
    "give account.client_id of the source",
    ("business_v2", "refusal_403_access"): "SELECTED_CLIENT_ACCESS_DENIED: this login has no access to the client_id, "
    "correct it or the secret",
    ("json", "refusal_404"): "NO_ORDER: There is no such order",
}
ANSWERS = [(source, name) for source in ADAPTERS for name in answers(source)]


@pytest.mark.parametrize(("source", "name"), ANSWERS)
def test_an_answer(source: str, name: str) -> None:
    assert ADAPTERS[source].build().read(answers(source)[name]) == EXPECTED[source, name]


@pytest.mark.parametrize(("source", "name"), [(source, name) for source in ADAPTERS for name in refusals(source)])
def test_a_refusal(source: str, name: str) -> None:
    status = int(name.split("_")[1])
    assert ADAPTERS[source].build().refusal(Response(status, {}, refusals(source)[name])) == REFUSED[source, name]


def test_no_expectation_is_without_its_fixture() -> None:
    assert set(ANSWERS) == set(EXPECTED)


@pytest.mark.parametrize("source", ["progress", "taxi_v1", "business_v2"])
@pytest.mark.parametrize("status", ["finished", "complete"])
def test_both_words_for_a_completed_ride(source: str, status: str) -> None:
    assert ADAPTERS[source].build().lifecycle.statuses[status] is Phase.COMPLETED


@pytest.mark.parametrize("source", ["progress", "taxi_v1", "business_v2"])
def test_expired_is_documented_and_says_nothing_of_the_phase(source: str) -> None:
    assert ADAPTERS[source].build().lifecycle.statuses["expired"] is None
