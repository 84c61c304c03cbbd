"""The smallest Flask app: run it, edit the greeting, and ask again."""

from flask import Flask

import pilotlight

app = Flask(__name__)


@app.get("/")
def index() -> str:
    return "Hello! Edit hello.py, save, and reload this page.\n"


@app.get("/greet/<name>")
def greet(name: str) -> dict[str, str]:
    return {"greeting": f"Hello, {name}!"}


@app.get("/broken")
def broken() -> str:
    colours = {"red": 1, "green": 2}
    return str(colours["gren"])


if __name__ == "__main__":
    pilotlight.run(app, debug=True)
