"""The commands. Results go to stdout, all else to stderr. Exit codes: 0 done, 1 failed, 2 wrong usage or input."""
