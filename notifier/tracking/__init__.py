"""What changed? Pure: no I/O, no clock. `advance` takes what is remembered and one look, and says what follows."""
