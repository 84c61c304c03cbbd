"""Room `worker`."""
