"""The headers of every answer, and that no page carries code or styles its policy forbids."""

import re
from html.parser import HTMLParser

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import Client, RequestFactory
from django.urls import reverse

from portal.core import views
from portal.core.origins import trusted_origins
from portal.core.same_origin import is_own_origin

pytestmark = pytest.mark.django_db

POLICY = {
    "default-src": "'none'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "connect-src": "'self'",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "frame-src": "'none'",
    "report-uri": "/policy-report",
}
OPENS_A_WINDOW = {"sso:server-launch", "sso:organization-launch", "sso:user-launch"}


class Markup(HTMLParser):
    """Collects what a policy without `unsafe-` would keep from working, and what scripts need."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.forbidden: list[str] = []
        self.nonces: list[str | None] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        for name, value in attrs:
            code = (value or "").strip().lower().startswith(("javascript:", "data:text/html"))
            if name.startswith(("on", "hx-on")) or name == "style" or code:
                self.forbidden.append(f"<{tag} {name}={value!r}>")
        if tag == "style":
            self.forbidden.append("<style>")
        if tag == "script" and given.get("type") != "application/json":
            self.nonces.append(given.get("nonce"))
            if not (given.get("src") or "").startswith("/static/"):
                self.forbidden.append(f"<script src={given.get('src')!r}>")
        if tag == "form" and not (given.get("action") or "/").startswith("/"):
            self.forbidden.append(f"<form action={given['action']!r}>")


def policy_of(response) -> dict[str, str]:
    parts = (one.strip().partition(" ") for one in response["Content-Security-Policy"].split(";"))
    return {name: value for name, _, value in parts}


def check(response, name: str = "", *, framed: str = "'none'") -> None:
    """`framed` is the origin of the server that the page frames."""
    policy = policy_of(response)
    script = policy.pop("script-src")
    assert policy == POLICY | {"frame-src": framed}
    assert re.fullmatch(r"|'none'|'nonce-[A-Za-z0-9+/=]{20,}'", script), script
    assert "no-store" in response["Cache-Control"]
    assert response["X-Frame-Options"] == "DENY"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Referrer-Policy"] == "same-origin"
    assert response["Cross-Origin-Resource-Policy"] == "same-origin"
    opener = "same-origin-allow-popups" if name in OPENS_A_WINDOW else "same-origin"
    assert response["Cross-Origin-Opener-Policy"] == opener
    assert "camera=()" in response["Permissions-Policy"]
    if response["Content-Type"].startswith("text/html"):
        markup = Markup(response.content.decode())
        assert markup.forbidden == []
        assert {f"'nonce-{nonce}'" for nonce in markup.nonces} <= {script}


class TestErrorPages:
    def test_not_found(self, provider):
        check(provider.client().get("/there-is-no-such-page/"))

    def test_a_host_that_is_not_ours(self, settings):
        settings.ALLOWED_HOSTS = ["portal.example.com"]

        response = Client().get("/", headers={"Host": "elsewhere.example.com"})

        assert response.status_code == 400
        assert "does not understand" in response.content.decode()
        check(response)

    def test_a_form_without_its_token(self, provider):
        client = Client(enforce_csrf_checks=True)
        client.force_login(provider.user)

        response = client.post(reverse("accounts:settings"))

        assert response.status_code == 403
        check(response)

    def test_a_missing_permission(self, customer):
        response = customer.client().get(reverse("servers:server-link"))

        assert response.status_code == 403
        check(response)

    def test_a_failure(self, provider, monkeypatch):
        def fails(*_: object, **__: object) -> None:
            raise RuntimeError

        monkeypatch.setattr("portal.overview.selectors.list_tiles", fails)
        client = provider.client()
        client.raise_request_exception = False

        response = client.get("/")

        assert response.status_code == 500
        assert "could not answer" in response.content.decode()
        check(response)

    def test_too_many_attempts(self):
        page = views.too_many_requests(RequestFactory().get("/"))

        assert (page.status_code, page["Retry-After"]) == (429, "60")
        assert Markup(page.content.decode()).forbidden == []


def test_a_static_file_is_kept_by_browsers_and_still_guarded():
    response = Client().get("/static/js/theme.js")

    assert response.status_code == 200
    assert "no-store" not in response["Cache-Control"]
    assert response["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "default-src 'none'" in response["Content-Security-Policy"]


def test_no_cookie_can_be_read_by_a_script(provider):
    provider.user.set_password("correct horse battery")
    provider.user.save()
    client = Client()
    client.get(reverse("account_login"))
    client.post(reverse("account_login"), {"login": provider.user.email, "password": "correct horse battery"})

    assert set(client.cookies) == {"sessionid", "csrftoken", "known"}
    for morsel in client.cookies.values():
        assert (morsel["httponly"], morsel["samesite"], morsel["domain"]) == (True, "Lax", "")


@pytest.mark.parametrize(
    "entry",
    [
        "portal.example.com",
        "http://portal.example.com",
        "https://portal.example.com/",
        "https://portal.example.com/path",
        "https://*.example.com",
        "https://name@portal.example.com",
        "https://portal.example.com:port",
        "https://",
        "null",
        "*",
    ],
)
def test_a_trusted_origin_that_is_none_is_refused_by_name(entry):
    with pytest.raises(ImproperlyConfigured, match="CSRF_TRUSTED_ORIGINS holds"):
        trusted_origins([entry], https=True)


def test_trusted_origins_are_taken_as_they_are():
    assert trusted_origins(["https://a.example:8443"], https=True) == ["https://a.example:8443"]
    assert trusted_origins(["http://a.example"], https=False) == ["http://a.example"]


@pytest.mark.parametrize(
    ("origin", "host", "is_own"),
    [
        ("http://portal.example.com", "portal.example.com", True),
        ("http://portal.example.com:8000", "portal.example.com:8000", True),
        ("http://[::1]:8000", "[::1]:8000", True),
        ("http://portal.example.com:8001", "portal.example.com:8000", False),
        ("https://elsewhere.example.com", "portal.example.com", False),
        ("http://portal.example.com.evil.example", "portal.example.com", False),
        ("null", "portal.example.com", False),
        ("", "portal.example.com", False),
        ("", "", False),
        ("file://", "", False),
        ("https://proxy.example", "inner", True),
    ],
)
@pytest.mark.parametrize("allowed", ["*", "exact"])
def test_a_websocket_is_opened_by_the_host_it_asks(origin, host, is_own, allowed, settings):
    """Also where ALLOWED_HOSTS is `*`, as in the demo."""
    settings.ALLOWED_HOSTS = ["*"] if allowed == "*" else ["portal.example.com", "[::1]"]
    settings.CSRF_TRUSTED_ORIGINS = ["https://proxy.example"]

    assert is_own_origin(origin, host) is is_own


def test_a_websocket_of_a_host_that_is_not_ours_is_refused(settings):
    """A name somebody else points at the portal: page and socket have one host, and it is not ours."""
    settings.ALLOWED_HOSTS = ["portal.example.com"]

    assert not is_own_origin("http://evil.example", "evil.example")


def test_a_websocket_comes_from_https_where_the_portal_does(settings):
    settings.HTTPS = True

    assert is_own_origin("https://portal.example.com", "portal.example.com")
    assert not is_own_origin("http://portal.example.com", "portal.example.com")
