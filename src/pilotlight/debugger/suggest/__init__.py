"""What most likely was meant, where an error has an obvious cause."""
