"""What can go wrong with linked Comet Servers, in words for the person who asked."""

import math

import comet


class LinkRefused(Exception):
    """A Comet Server cannot be linked or changed as asked. `field` is the form field at fault."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


class TooManyTries(LinkRefused):
    """Addresses were tried too often. `seconds` is how long to wait."""

    def __init__(self, seconds: float) -> None:
        self.seconds = math.ceil(seconds)
        minutes = math.ceil(seconds / 60)
        super().__init__(
            "api_url",
            "Too many addresses were tried. Nothing was asked this time. Try again in"
            f" {minutes} minute{'' if minutes == 1 else 's'}.",
        )


def explain(name: str, error: comet.CometError) -> str:
    """One or two sentences: which server, what was asked, what it answered, what to do next."""
    asked = f" when asked for {error.method}" if error.method else ""
    number = error.status if error.status is not None else error.http_status
    match error:
        case comet.AddressRefused():
            return f"{name} leads to an address that may not be contacted: {error.message}"
        case comet.Timeout():
            return f"{name} did not answer in time{asked}. Look whether it is overloaded."
        case comet.TLSError():
            return f"The certificate of {name} was not accepted: {error.message}. Renew or replace it."
        case comet.ConnectionFailed():
            return f"{name} did not answer{asked}: {error.message}. Look whether it runs."
        case comet.BodyTooLarge():
            return f"{name} answered more than the portal takes{asked}. Nothing was changed."
        case comet.NotComet():
            return (
                f"{name} did not answer as a Comet Server does{asked}: it {error.message}."
                " Nothing was changed. Look at its API address and any proxy before it."
            )
        case comet.Forbidden():
            return f"{name} refused the portal's sign-in{asked} ({number}). Give it a new credential."
        case comet.SecondFactorRequired():
            return f"{name} wants a second factor{asked} ({number}). Give it a new credential."
        case _:
            said = error.message.rstrip(".")
            return f"{name} refused{asked}: {said}{f' ({number})' if number is not None else ''}."
