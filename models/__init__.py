"""The host driver, its clients and an untimed device: sans-I/O, knows nothing of a simulator or of tb."""
