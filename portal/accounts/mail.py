"""Mail to people: whether it is sent at all, and invitations."""

import smtplib
from typing import Final

import structlog
from django.conf import settings
from django.core.mail import send_mail
from django.template.loader import render_to_string

from portal.accounts.models import Invitation

NOT_SENDING: Final = {"dummy", "console"}
"""Mail backends that send nothing to anybody."""

MAIL_ERRORS: Final = (OSError, smtplib.SMTPException)

log = structlog.get_logger(__name__)


def mail_is_sent() -> bool:
    """Whether this installation sends mail; pages say so where it does not."""
    return settings.EMAIL_BACKEND.split(".")[-2] not in NOT_SENDING


def send_invitation(invitation: Invitation, link: str) -> bool:
    """Mail an invitation's link; False where no mail is sent, or the mail server did not take it."""
    if not mail_is_sent() or not invitation.email:
        return False
    context = {"invitation": invitation, "link": link}
    text = render_to_string("accounts/email/invitation.txt", context)
    try:
        send_mail(f"Perihelion: You are invited to {invitation.tenant}", text, None, [invitation.email])
    except MAIL_ERRORS as error:
        log.warning("mail.not_sent", kind="invitation", error=type(error).__name__)
        return False
    return True
