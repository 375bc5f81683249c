"""For all tests: what a machine cannot run is skipped by name, but CI must be able to run everything."""

import os

import pytest

from notifier import envelope
from tests.contracts import published

# Before anything else imports it: whatever any test publishes in this process is held against the published schemas.
vars(envelope)["seal"] = published.checked(envelope.seal)


pytest_plugins = ("tests.kafka.plugin",)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or os.environ.get("CI") != "true":
        return
    if skipped := reporter.stats.get("skipped", []):
        reporter.write_line(f"CI must run every test, but {len(skipped)} were skipped: see above", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
