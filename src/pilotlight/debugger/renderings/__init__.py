"""A `Report` as a page, as text, as JSON and as Markdown. Pure: reads reports, and nothing of the app."""
