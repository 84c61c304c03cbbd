"""An exception, or the death of a worker, becomes a `Report`."""
