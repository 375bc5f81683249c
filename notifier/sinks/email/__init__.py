"""Mails to people over SMTP."""

from notifier.sinks.email.settings import EmailSettings
from notifier.sinks.email.sink import EmailSink, build

__all__ = ["EmailSettings", "EmailSink", "build"]
