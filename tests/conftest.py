"""For all tests: what a machine cannot run is skipped by name, but CI must be able to run everything."""

import os

import pytest

from notifier import envelope
from tests.contracts import published

# Before anything else imports it: whatever any test publishes in this process is held against the published schemas.
vars(envelope)["seal"] = published.checked(envelope.seal)


pytest_plugins = ("tests.kafka.plugin", "tests.logs")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes longest begins first, and each worker has its part of it: else one of them ends long after the others.

    pytest-xdist gives each worker a contiguous part, and who has done his own takes from the ends of the others'.
    """
    workers = int(getattr(config, "workerinput", {}).get("workercount", 1))
    if workers < 2:
        return
    long = [item for item in items if item.get_closest_marker("long")]
    others = [item for item in items if not item.get_closest_marker("long")]
    ordered: list[pytest.Item] = []
    for worker in range(workers):
        mine = long[worker::workers]
        rest = (len(items) - len(ordered)) // (workers - worker) - len(mine)
        ordered += mine + others[:rest]
        del others[:rest]
    items[:] = ordered


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or os.environ.get("CI") != "true":
        return
    if skipped := reporter.stats.get("skipped", []):
        reporter.write_line(f"CI must run every test, but {len(skipped)} were skipped: see above", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
