"""A small FastAPI app: a route with a variable, a query argument, and a JSON answer."""

import ctypes

from fastapi import FastAPI, Request

VERSION = "version 0"

app = FastAPI()


@app.get("/items/{number}")
async def item(number: int, name: str = "none") -> dict[str, object]:
    return {"number": number, "name": name, "version": VERSION}


@app.post("/items/{number}")
async def store(number: int, request: Request) -> dict[str, object]:
    return {"number": number, "length": len(await request.body()), "version": VERSION}


@app.get("/crash")
async def crash() -> str:
    return str(ctypes.string_at(0))
