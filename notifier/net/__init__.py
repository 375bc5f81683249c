"""Getting an answer from an order API: one narrow seam for the client, and all that stands around a request."""
