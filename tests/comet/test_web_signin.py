"""The postMessage sign-in messages."""

import json
from importlib import resources

from comet import web_signin


def test_the_messages_are_those_of_the_spec():
    spec = json.loads(resources.files("comet.spec").joinpath("comet-api.json").read_bytes())
    described = {message["msg"]: {"msg", *message["params"]} for message in spec["post_message"]}

    assert set(web_signin.session_login("a", "k")) == described["session_login"]
    assert set(web_signin.user_session_login("a", "k")) == described["user_session_login"]
    assert web_signin.APP_LOADED in described


def test_admin_and_user_sign_in_differ():
    assert web_signin.session_login("admin", "k") == {
        "msg": "session_login",
        "username": "admin",
        "sessionkey": "k",
    }
    assert web_signin.user_session_login("bob", "k")["msg"] == "user_session_login"


def test_only_the_ready_message_counts():
    assert web_signin.is_app_loaded({"msg": "app_loaded"})
    for other in (None, "app_loaded", {}, {"msg": "session_login"}, ["app_loaded"]):
        assert not web_signin.is_app_loaded(other)
