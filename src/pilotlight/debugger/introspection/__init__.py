"""What a traceback and the objects in it hold, read without running any code of the app."""
