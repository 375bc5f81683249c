"""The configuration: read whole, checked whole, immutable."""
