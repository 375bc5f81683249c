"""Addresses shortened so that their owner knows them again and nobody else learns them."""

from urllib.parse import urlsplit


def masked(address: str | None) -> str | None:
    """`a***@example.org`, `+7•••95`, a webhook's host alone (its path may hold a secret)."""
    if address is None:
        return None
    if "://" in address:
        try:
            return urlsplit(address).hostname or "***"
        except ValueError:
            return "***"
    if "@" in address:
        local, _, domain = address.rpartition("@")
        return f"{local[:1]}***@{domain}"
    if address.startswith("+"):
        return f"{address[:2]}•••{address[-2:]}" if len(address) > 5 else "+•••"
    return "***"
