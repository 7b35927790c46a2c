"""The messages that sign a browser window into Comet's own web interface, by `postMessage`.

The opened window says `app_loaded`; only then is one of the two sign-in messages posted to it, to
exactly the origin that spoke. Which window spoke, and from which origin, is the page's to check.
"""

APP_LOADED = "app_loaded"
SESSION_LOGIN = "session_login"
USER_SESSION_LOGIN = "user_session_login"


def is_app_loaded(message: object) -> bool:
    """Whether a message from the window says that it is ready."""
    return isinstance(message, dict) and message.get("msg") == APP_LOADED


def session_login(username: str, session_key: str) -> dict[str, str]:
    """Signs in an administrator; the key comes from `admin_account_session_start`."""
    return _message(SESSION_LOGIN, username, session_key)


def user_session_login(username: str, session_key: str) -> dict[str, str]:
    """Signs in an end user; the key comes from `admin_account_session_start_as_user`."""
    return _message(USER_SESSION_LOGIN, username, session_key)


def _message(kind: str, username: str, session_key: str) -> dict[str, str]:
    return {"msg": kind, "username": username, "sessionkey": session_key}
