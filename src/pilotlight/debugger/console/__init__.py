"""Code typed by the developer, evaluated in the process of the app. Never in the supervisor."""
