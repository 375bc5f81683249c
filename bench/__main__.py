"""`make bench`: prints every figure with what it was measured against."""

from bench import polls, start

if __name__ == "__main__":
    polls.main()
    start.main()
