"""What changed? Pure: no I/O, no clock. `advance` takes what is remembered and one look, and says what follows."""

from notifier.tracking.advance import Step, advance
from notifier.tracking.lifecycle import Lifecycle, Tracking, Verdict
from notifier.tracking.orders import begin, calm, readd, resume, retire

__all__ = ["Lifecycle", "Step", "Tracking", "Verdict", "advance", "begin", "calm", "readd", "resume", "retire"]
