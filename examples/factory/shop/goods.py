"""What the shop sells."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Article:
    slug: str
    name: str
    price: float


GOODS = {
    article.slug: article
    for article in [
        Article("lamp", "Oil lamp", 24.0),
        Article("wick", "Wick, 10 m", 3.5),
        Article("match", "Matches", 1.2),
    ]
}
