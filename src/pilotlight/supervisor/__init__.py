"""Room `supervisor`."""
