"""`make bench`: prints every figure with what it was measured against."""

from bench import hung, polls, start
from notifier import log

if __name__ == "__main__":
    log.set_up("error", "console")
    polls.main()
    hung.main()
    start.main()
