"""Ends what somebody opened when he signs out."""

from typing import Any

from django.contrib.auth.signals import user_logged_out
from django.dispatch import receiver
from django.http import HttpRequest

from portal.sso import services


@receiver(user_logged_out)
def end_launches(request: HttpRequest, user: Any, **_: Any) -> None:
    if user is not None and request.session.session_key:
        digest = services.session_digest(request.session.session_key)
        services.end_of_session(user, digest, because="sign-out")
