"""What the app read and whether it changed: recording in the worker, watching in the supervisor. Must never
import the app's loader, the server or the supervisor."""
