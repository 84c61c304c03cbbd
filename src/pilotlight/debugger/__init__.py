"""Room `debugger`."""
