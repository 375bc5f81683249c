"""How brokers are reached: settings, clients with deadlines, and what can go wrong. For the backend and the sink."""
