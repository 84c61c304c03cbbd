"""Room `app`: finds, loads and runs the user's app. Lives in the worker process only."""
