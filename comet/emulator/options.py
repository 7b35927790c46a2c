"""The flags of `python -m comet.emulator`."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class AdminFlag:
    """A top-level admin given at start."""

    name: str
    password: str
    totp_secret: str = ""

    def __repr__(self) -> str:
        return f"AdminFlag(name={self.name!r})"


@dataclass(frozen=True)
class Options:
    """What the emulator is to be. See README.md for what each flag means."""

    host: str = "127.0.0.1"
    port: int = 8060
    users: int = 40
    jobs_per_day: int = 220
    days: int = 30
    organizations: int = 3
    seed: int = 1
    speed: float = 1.0
    version: str = "25.9.8"
    admins: tuple[AdminFlag, ...] = (AdminFlag("admin", "admin"),)
    user_password: str = "user-password"  # noqa: S105, invented people
    data: Path | None = None
    live_jobs_per_minute: float = 6.0
    control_port: int | None = None
    frame_options: str = "allow"
    session_seconds: int = 1800
    stream_queue: int = 5000
    stream_ping: float = 0.0
    header_seconds: float = 30.0
    body_seconds: float = 60.0
    start_at: float | None = None
    tls: tuple[Path, Path] | None = None
    account_port: int | None = None
    secret_mark: str = ""
    account: tuple[str, str, str] = ("owner@msp.example", "account-password", "account-token")


def parse(arguments: Sequence[str] | None = None) -> Options:
    """Read the command line; exits with a message on a flag that makes no sense."""
    given = _parser().parse_args(arguments)
    admins = tuple(given.admin) + tuple(given.totp_admin)
    return Options(
        host=given.host,
        port=given.port,
        users=given.users,
        jobs_per_day=given.jobs_per_day,
        days=given.days,
        organizations=given.organizations,
        seed=given.seed,
        speed=given.speed,
        version=given.version,
        admins=() if given.no_admin else admins or Options.admins,
        user_password=given.user_password,
        data=given.data,
        live_jobs_per_minute=given.live_jobs_per_minute,
        control_port=given.control_port,
        frame_options=given.frame_options,
        session_seconds=given.session_seconds,
        stream_queue=given.stream_queue,
        stream_ping=given.stream_ping,
        header_seconds=given.header_seconds,
        body_seconds=given.body_seconds,
        start_at=given.start_at,
        secret_mark=given.secret_mark,
        account_port=given.account_port,
        account=tuple(given.account) if given.account else Options.account,
        tls=tuple(given.tls) if given.tls else None,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m comet.emulator",
        description="A Comet Server in one process.",
        epilog="@FILE reads flags from a file, one word a line, so that passwords stay out of process lists.",
        fromfile_prefix_chars="@",
    )
    add = parser.add_argument
    add("--host", default=Options.host, help="address to listen on")
    add("--port", type=_whole(0, 65_535), default=Options.port, help="0 takes a free one and prints it")
    add("--users", type=_whole(0), default=Options.users)
    add("--jobs-per-day", type=_whole(0), default=Options.jobs_per_day)
    add("--days", type=_whole(1), default=Options.days, help="how far back the job history reaches")
    add("--organizations", type=_whole(0), default=Options.organizations)
    add("--seed", type=int, default=Options.seed)
    add("--speed", type=_positive, default=Options.speed, help="virtual seconds per real second")
    add("--version", default=Options.version, help="version the server reports")
    add("--admin", type=_admin, action="append", default=[], metavar="NAME:PASSWORD")
    add("--totp-admin", type=_totp_admin, action="append", default=[], metavar="NAME:PASSWORD:BASE32SECRET")
    add("--no-admin", action="store_true", help="begin as a fresh server does: without any administrator")
    add("--user-password", default=Options.user_password, help="password of every seeded end user")
    add("--data", type=Path, metavar="DIR", help="keep what API writes changed in this folder")
    add("--live-jobs-per-minute", type=_not_negative, default=Options.live_jobs_per_minute)
    add(
        "--control-port",
        type=_whole(0, 65_535),
        help="open the control plane on this loopback port; 0 takes a free one",
    )
    add(
        "--tls",
        type=Path,
        nargs=2,
        metavar=("CERTIFICATE", "KEY"),
        help="speak HTTPS, with these PEM files",
    )
    add(
        "--account-port",
        type=_whole(0, 65_535),
        help="open the stand-in for the vendor's account service on this loopback port; 0 takes a free one",
    )
    add("--account", nargs=3, metavar=("EMAIL", "PASSWORD", "TOKEN"), help="who may use it")
    add("--frame-options", choices=("allow", "deny"), default=Options.frame_options)
    add(
        "--session-seconds",
        type=_whole(1),
        default=Options.session_seconds,
        help="idle life of a session key",
    )
    add(
        "--stream-queue",
        type=_whole(1),
        default=Options.stream_queue,
        help="events a slow stream may lag behind",
    )
    add(
        "--stream-ping",
        type=_not_negative,
        default=Options.stream_ping,
        metavar="SECONDS",
        help="send streams a ping so often; 0 sends none",
    )
    add(
        "--header-seconds",
        type=_positive,
        default=Options.header_seconds,
        help="within which the headers of a request, or the frames of a stream's sign-in, must be complete",
    )
    add(
        "--body-seconds",
        type=_positive,
        default=Options.body_seconds,
        help="within which the body of a request must be complete",
    )
    add(
        "--secret-mark",
        default=Options.secret_mark,
        metavar="TEXT",
        help="put this into every secret it makes up, and one into each secret field of a profile",
    )
    add("--start-at", type=float, metavar="UNIX", help="virtual time to begin at, instead of now")
    return parser


def _whole(low: int, high: int | None = None) -> Callable[[str], int]:
    def convert(text: str) -> int:
        number = int(text)
        if number < low or (high is not None and number > high):
            raise argparse.ArgumentTypeError(f"{text} is out of range")
        return number

    return convert


def _not_negative(text: str) -> float:
    number = float(text)
    if not 0 <= number < 1e9:
        raise argparse.ArgumentTypeError(f"{text} is out of range")
    return number


def _positive(text: str) -> float:
    number = _not_negative(text)
    if number == 0:
        raise argparse.ArgumentTypeError("must be more than 0")
    return number


def _admin(text: str) -> AdminFlag:
    name, colon, password = text.partition(":")
    if not (name and colon and password):
        raise argparse.ArgumentTypeError("expected NAME:PASSWORD")
    return AdminFlag(name, password)


def _totp_admin(text: str) -> AdminFlag:
    name_and_password, _, secret = text.rpartition(":")
    admin = _admin(name_and_password)
    if not secret:
        raise argparse.ArgumentTypeError("expected NAME:PASSWORD:BASE32SECRET")
    return AdminFlag(admin.name, admin.password, secret)
