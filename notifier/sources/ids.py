"""The ids of a watch: checked, completed with the source's account, and made into the order key."""

from collections.abc import Mapping
from urllib.parse import quote

from notifier.errors import Problem
from notifier.sources.base import SourceSettings
from notifier.sources.checks import id_text

MISSING_ACCOUNT = "is missing: give it in `ids`, or as `account` of the source"


class IdsError(ValueError):
    """Ids that cannot be used. `problems` have the names as paths."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(f"{path}: {message}" for path, message in problems))


def check_ids(settings: SourceSettings, ids: Mapping[str, object]) -> dict[str, str]:
    """The ids of a watch as texts. IdsError names every wrong, unknown or missing one and says what to do.

    Accounts may be missing here: `resolve` takes them from the source.
    """
    checked, problems = examine_ids(ids, settings.id_names())
    if problems:
        raise IdsError(problems)
    return checked


def examine_ids(ids: Mapping[str, object], names: tuple[str, ...] | None) -> tuple[dict[str, str], list[Problem]]:
    """The ids of a watch as texts, and what is wrong with them. `names`: those that they may use; None: any."""
    checked: dict[str, str] = {}
    problems: list[Problem] = []
    for name, value in ids.items():
        if names is not None and name not in names:
            problems.append(Problem(str(name), f"is not an id of this source: use {', '.join(names)}"))
            continue
        try:
            checked[name] = id_text(value)
        except ValueError as error:
            problems.append(Problem(name, str(error)))
    if "order_id" not in ids:
        problems.append(Problem("order_id", "is missing: give the order's id at this source"))
    return checked, problems


def resolve(settings: SourceSettings, ids: Mapping[str, str]) -> dict[str, str]:
    """Checked ids with the accounts that they leave to the source. IdsError when one is needed and nowhere given."""
    resolved = dict(ids)
    for name in settings.id_names()[1:]:
        if name not in resolved and name in settings.account:
            resolved[name] = settings.account[name]
    missing = [name for name in settings.id_names() if name not in resolved and name not in settings.optional_ids]
    if missing:
        raise IdsError([Problem(name, MISSING_ACCOUNT) for name in missing])
    return resolved


def order_key(source_name: str, settings: SourceSettings, ids: Mapping[str, str]) -> str:
    """`<source>/<order id>`, or `<source>/<account>/<order id>` when the ids name another account than the source's.

    An account of several ids (a json source's) is all of their values in the order of their names, joined by commas;
    a comma or percent sign within a value is percent-encoded, so that no two accounts share a key.
    """
    names = sorted(name for name in settings.id_names()[1:] if name in ids or name in settings.account)
    account = [ids.get(name, settings.account.get(name, "")) for name in names]
    if account == [settings.account.get(name) for name in names]:
        return f"{source_name}/{ids['order_id']}"
    return f"{source_name}/{_joined(account)}/{ids['order_id']}"


def account_of(ids: Mapping[str, str]) -> str:
    """The account of resolved ids, as it stands in the longer form of an order key; empty where there is none."""
    return _joined([ids[name] for name in sorted(ids) if name != "order_id"])


def _joined(account: list[str]) -> str:
    if len(account) > 1:
        account = [value.replace("%", "%25").replace(",", "%2C") for value in account]
    return ",".join(account)


def encoded(ids: Mapping[str, str], name: str) -> str:
    """An id as one path segment or one query value."""
    return quote(ids[name], safe="")
