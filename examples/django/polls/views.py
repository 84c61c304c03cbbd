"""A poll that lives as long as the process."""

from collections import Counter

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

VOTES: Counter[str] = Counter()


def index(request: HttpRequest) -> HttpResponse:
    return render(request, "polls/index.html", {"polls": ["tea", "coffee"]})


def vote(request: HttpRequest, poll: str) -> JsonResponse:
    VOTES[poll] += 1
    return JsonResponse({poll: VOTES[poll]})
