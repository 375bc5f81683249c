"""The HTTP API: everything under /v1 behind a bearer token, and what is told without one (INTERFACE, 'HTTP')."""
