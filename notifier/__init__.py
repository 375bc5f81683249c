"""Order-status notifier: polls order APIs, publishes each change once, tells the people concerned."""

__version__ = "0.1.0"
