"""Replicas of the program on a real broker, whom everything happens to that can happen, against the simulator's truth.

`test_campaign.py` is the short run that CI makes. The long one, of the figures in the documentation:

    python -m tests.campaign --orders 2000 --replicas 3 --faults 50 --brokers 3

It prints what it did and found as JSON lines, and exits 1 if anything was lost, doubled, reordered or forked.
"""
