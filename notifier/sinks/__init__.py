"""Ways of telling: one module each, and one line each in `REGISTRY`."""
