"""Who looks, and at what: signed-in sessions, and a server whose events they may see."""

import time

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore

from portal.accounts.models import Membership, User
from portal.accounts.sessions import SEEN_AT, SIGNED_IN_AT
from portal.servers.models import CometServer, Placement
from portal.servers.placements import ensure_placements
from portal.tenants.services import create_tenant


def populate(browsers: int) -> tuple[Placement, list[str]]:
    """A placement whose events everybody may see, and a signed-in session per browser."""
    provider = create_tenant(parent=None, kind="provider", name="Provider")
    server = CometServer.objects.create(
        tenant=provider, name="comet", api_url="http://127.0.0.1:1", browser_url="", license_hash="0"
    )
    placement = ensure_placements(server, []).of_server()
    users = [User(email=f"person{number}@example.com", name=f"Person {number}") for number in range(50)]
    for user in users:
        user.set_unusable_password()
    users = User.objects.bulk_create(users)
    Membership.objects.bulk_create(
        Membership(user=user, tenant=provider, role="technician") for user in users
    )
    return placement, [_session(users[number % len(users)]) for number in range(browsers)]


def _session(user: User) -> str:
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session[SIGNED_IN_AT] = session[SEEN_AT] = time.time()
    session.create()
    return f"{settings.SESSION_COOKIE_NAME}={session.session_key}"
