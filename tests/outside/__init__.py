"""The program tried through its doors alone: nothing here imports `notifier`, everything runs as its users run it."""
