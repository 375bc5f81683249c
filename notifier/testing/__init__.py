"""Fakes of the seams that keep the real contracts, for tests of this program and of adapters to it."""
