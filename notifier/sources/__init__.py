"""Order APIs: one module each, and one line each in `REGISTRY`."""
