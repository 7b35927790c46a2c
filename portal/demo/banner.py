"""What `make run` prints once everything answers."""

from portal.demo.environment import DemoEnvironment
from portal.demo.secrets import DemoSecrets
from portal.demo.seed import GUARDED_ADMIN, PLAIN_ADMIN, SIGN_INS

LINE = "─" * 78


def banner(environment: DemoEnvironment, secrets: DemoSecrets) -> str:
    """Address, sign-ins, the server that is left to link, how to stop."""
    sign_ins = [
        f"    {sign_in.title:<20} {sign_in.email:<28} {secrets.passwords[sign_in.key]}"
        for sign_in in SIGN_INS
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
