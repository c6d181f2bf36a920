"""Device, schedule, time budget, logs: what any training run needs."""
