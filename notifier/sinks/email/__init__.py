"""Mails to people over SMTP."""

from notifier.sinks.email.reach import reach
from notifier.sinks.email.settings import EmailSettings
from notifier.sinks.email.sink import EmailSink, build

__all__ = ["EmailSettings", "EmailSink", "build", "reach"]
