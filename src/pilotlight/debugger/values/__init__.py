"""Values of the app as data: bounded in size and time, with secrets masked."""
