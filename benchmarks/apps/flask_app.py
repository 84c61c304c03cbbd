"""A small Flask app: a route with a variable, a query argument, and a JSON answer."""

import ctypes
import logging
import os

from flask import Flask, request

VERSION = "version 0"

app = Flask(__name__)
if os.environ.get("BENCHMARK_QUIET"):
    logging.getLogger("werkzeug").disabled = True  # Werkzeug has no option that turns its access log off


@app.get("/items/<int:number>")
def item(number: int) -> dict[str, object]:
    return {"number": number, "name": request.args.get("name", "none"), "version": VERSION}


@app.post("/items/<int:number>")
def store(number: int) -> dict[str, object]:
    return {"number": number, "length": len(request.get_data()), "version": VERSION}


@app.get("/crash")
def crash() -> str:
    return str(ctypes.string_at(0))
