"""Marks views that do what can hardly be taken back: they ask first for a fresh proof of who it is.

How it is asked belongs to `accounts`, a later room, which hands its decorator in when the process starts.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http.response import HttpResponseBase

from portal.core.access import P, PortalRequest, View

_guards: list[Callable[[View[Any]], View[Any]]] = []


def use_guard(guard: Callable[[View[Any]], View[Any]]) -> None:
    """Take `guard` as what lets only those pass who proved lately who they are. Called once."""
    _guards[:] = [guard]


def dangerous(view: View[P]) -> View[P]:
    """Ask for a fresh proof before `view` is reached."""

    @wraps(view)
    def guarded(request: PortalRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        (guard,) = _guards
        return guard(view)(request, *args, **kwargs)

    return guarded
