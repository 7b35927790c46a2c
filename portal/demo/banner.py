"""What `make run` prints once everything answers."""

from portal.demo.environment import GUARDED_ADMIN, PLAIN_ADMIN, DemoEnvironment
from portal.demo.people import SIGN_INS
from portal.demo.secrets import DemoSecrets

LINE = "─" * 78


def banner(environment: DemoEnvironment, secrets: DemoSecrets) -> str:
    """Address, sign-ins, the server that is left to link, how to stop."""
    sign_ins = [
        f"    {person.title:<20} {person.email:<28} {secrets.passwords[person.key]}" for person in SIGN_INS
    ]
    return "\n".join(
        [
            "",
            LINE,
            f"  Perihelion is ready:  {environment.address}",
            "",
            "  Sign in as",
            *sign_ins,
            "",
            "  One Comet Server is linked. Link the second yourself, under Servers:",
            f"    address   {environment.comet_address('comet2')}",
            f"    admin     {PLAIN_ADMIN:<20} {secrets.passwords['comet2-admin']}",
            "    or, with a second factor,",
            f"    admin     {GUARDED_ADMIN:<20} {secrets.passwords['comet2-guarded']}",
            f"    TOTP key  {secrets.totp_seeds['comet2']}",
            "",
            f"  Passwords are kept in {environment.data / 'demo.json'}",
            "  Ctrl-C stops everything.",
            LINE,
            "",
        ]
    )
