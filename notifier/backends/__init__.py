"""Where everything is durable, and who owns what."""
