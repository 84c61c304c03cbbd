"""A small FastAPI app: a route with a variable, a query argument, and a JSON answer."""

from fastapi import FastAPI

VERSION = "version 0"

app = FastAPI()


@app.get("/items/{number}")
async def item(number: int, name: str = "none") -> dict[str, object]:
    return {"number": number, "name": name, "version": VERSION}
