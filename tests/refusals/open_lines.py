"""What answers without a session, each with its reason. Everything else leads to the sign-in page."""

from typing import Final

from tests.refusals.line import NOT_OFFERED, Line, public

SIGN_IN: Final = "signs somebody in"
SECOND_STEP: Final = "a step of signing in, reached with what the step before left in the session"
RECOVERY: Final = "lets in again who forgot the password, by mail"
INVITED: Final = "an invitation; its address holds the secret"
NOTHING: Final = "says to scripts that nothing is there"
OWN_SECRET: Final = "checks a secret of its own"

OPEN: Final[dict[str, Line]] = {
    "core:healthz": public("tells a load balancer that the process answers, and nothing more"),
    "core:policy-report": public(
        "counts what browsers report of a page's policy, before and after signing in; stores nothing",
        get=NOT_OFFERED,
        post=400,
    ),
    "live:webhook-receive": public(OWN_SECRET, of=lambda p: [p.intake.key], get=NOT_OFFERED, post=401),
    "live:metrics": public(OWN_SECRET, get=404),
    "accounts:invitation-accept": public(INVITED, of=lambda p: ["no-such-token"], get=410, post=410),
    "api:openapi": public("describes the API, which is no secret"),
    "api:root": public(NOTHING, get=404),
    "api:nothing-here": public(NOTHING, of=lambda p: ["nothing"], get=404),
    "account_login": public(SIGN_IN, post=200, signed_in=(302, 302)),
    "account_logout": public("signs out whoever is signed in", get=302, post=302, signed_in=(200, 302)),
    "account_signup": public("says that people are invited here", post=200, signed_in=(302, 302)),
    "account_inactive": public("says that a sign-in is closed"),
    "mfa_authenticate": public(SECOND_STEP, get=302, post=302),
    "mfa_login_webauthn": public(SIGN_IN, get=302, post=302),
    "openid_connect_login": public(SIGN_IN, of=lambda p: ["staff"], get=404),
    "openid_connect_callback": public(SECOND_STEP, of=lambda p: ["staff"], get=404),
    "socialaccount_login_cancelled": public("says that the provider let nobody in"),
    "account_reset_password": public(RECOVERY, post=200),
    "account_reset_password_done": public(RECOVERY),
    "account_reset_password_from_key": public(RECOVERY, of=lambda p: ["1", "no-such-key"], post=200),
    "account_reset_password_from_key_done": public(RECOVERY),
}
