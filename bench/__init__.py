"""Benchmarks: ratios within one run, in CPU time, for the machine may be shared and noisy."""
