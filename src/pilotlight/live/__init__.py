"""Room `live`."""
