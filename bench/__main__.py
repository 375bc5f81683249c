"""`make bench`: prints every figure with what it was measured against."""

from bench import polls, start
from notifier import log

if __name__ == "__main__":
    log.set_up("error", "console")
    polls.main()
    start.main()
