"""Every error of the library has its place in the table."""

import sqlite3
from pathlib import Path

import pytest

from notifier.backends.sqlite.errors import is_fault, mapped
from notifier.errors import LeaseLost, Unavailable

PATH = Path("/var/notifier.db")
CODES = {
    name: value
    for name, value in vars(sqlite3).items()
    if name.startswith("SQLITE_")
    and isinstance(value, int)
    and not name.startswith(("SQLITE_LIMIT_", "SQLITE_DBCONFIG_"))
}
RESULT_CODES = {
    name: code
    for name, code in CODES.items()
    if 1 <= code & 0xFF <= 26 and (code <= 26 or code > 0xFF) and name not in ("SQLITE_DENY", "SQLITE_IGNORE")
}
NOTHING_WRITTEN = ("SQLITE_FULL", "SQLITE_READONLY", "SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_NOMEM")


def an_error(name: str, code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("words that may quote a value: +79991234567")
    error.sqlite_errorcode, error.sqlite_errorname = code, name
    return error


@pytest.mark.parametrize(("name", "code"), sorted(RESULT_CODES.items()))
def test_every_code_is_one_of_the_two(name: str, code: int) -> None:
    told = mapped(an_error(name, code), PATH)
    certain = name.startswith(NOTHING_WRITTEN) and name != "SQLITE_READONLY_DBMOVED"
    same_number = [it for it, number in RESULT_CODES.items() if number == code]
    if len(same_number) == 1:
        assert isinstance(told, Unavailable if certain else LeaseLost)
    assert str(PATH) in str(told)
    assert name in str(told)
    assert "+7" not in str(told)


def classes(root: type[Exception]) -> list[type[Exception]]:
    return [root, *(found for below in root.__subclasses__() for found in classes(below))]


@pytest.mark.parametrize("kind", classes(sqlite3.Error))
def test_every_class_is_about_the_request_or_about_the_file(kind: type[sqlite3.Error]) -> None:
    about_the_file = kind in (sqlite3.Error, sqlite3.DatabaseError, sqlite3.OperationalError, sqlite3.InternalError)
    assert is_fault(kind("x")) is not about_the_file
    assert isinstance(mapped(kind("raised without a code"), PATH), LeaseLost)


def test_what_is_not_of_the_library_is_a_fault_of_the_request() -> None:
    assert is_fault(OverflowError())
    assert is_fault(ValueError())


def test_the_walk_saw_the_library() -> None:
    assert len(RESULT_CODES) > 60
    assert {"SQLITE_FULL", "SQLITE_IOERR_FSYNC", "SQLITE_CORRUPT"} <= set(RESULT_CODES)
