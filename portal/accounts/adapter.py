"""How django-allauth behaves here: nobody signs up without an invitation, a sign-in counts as a proof."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from django.http import HttpRequest

from portal.accounts.reauthentication import is_recent
from portal.accounts.sessions import UNKNOWN_ADDRESS
from portal.audit.services import ip_of


class AccountAdapter(DefaultAccountAdapter):
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        return not is_recent(context.request)

    def get_client_ip(self, request: HttpRequest) -> str:
        return ip_of(request) or UNKNOWN_ADDRESS
