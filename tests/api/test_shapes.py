"""Answers are those of INTERFACE, to the letter."""
