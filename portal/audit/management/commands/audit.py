"""`manage.py audit`: verify the chain, print its head, close months and remove old ones."""

import json
from pathlib import Path
from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.audit import chain, retention
from portal.audit.checkpoint import check
from portal.audit.keys import key_problem
from portal.audit.verification import Kept, verify


class Command(BaseCommand):
    help = "Verify the audit, print its head, close months, remove what is older than it is kept."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="do", required=True)
        verifying = actions.add_parser(
            "verify", help="check every seal; exit status 1 where one does not match"
        )
        verifying.add_argument(
            "--head", type=Path, metavar="FILE", help="compare with a head that `audit head` printed earlier"
        )
        actions.add_parser("head", help="print the head of the chain; keep it where the database is not")
        actions.add_parser("adopt", help="seal what was written while there was no audit key")
        actions.add_parser("seal", help="close the months that are over")
        pruning = actions.add_parser("prune", help="remove months older than AUDIT_RETENTION_MONTHS")
        pruning.add_argument("--dry-run", action="store_true", help="only say what would be removed")

    def handle(self, *_: Any, do: str, **options: Any) -> None:
        getattr(self, f"_{do}")(**options)

    def _verify(self, head: Path | None, **_: Any) -> None:
        report = verify(kept=_read_head(head)) if head else check(whole=True)
        for finding in report.findings:
            self.stdout.write(finding)
        if report.left_out:
            self.stdout.write(f"… and {report.left_out} more.")
        if not report.intact:
            raise CommandError("The audit is not as the portal wrote it.", returncode=1)
        self.stdout.write(
            f"Intact: {report.checked} entries up to number {report.head.number};"
            f" {report.waiting} about to be sealed."
        )

    def _head(self, **_: Any) -> None:
        head = chain.get_head()
        self.stdout.write(json.dumps({"number": head.number, "mac": head.mac}))

    def _adopt(self, **_: Any) -> None:
        _require_key()
        self.stdout.write(f"Sealed {chain.adopt()} entries.")

    def _seal(self, **_: Any) -> None:
        _require_key()
        for segment in retention.seal_months():
            self.stdout.write(f"Closed {segment}: {segment.count} entries.")

    def _prune(self, dry_run: bool, **_: Any) -> None:
        _require_key()
        try:
            segments = retention.list_due() if dry_run else retention.prune()
        except retention.RemovalRefused as error:
            raise CommandError(str(error)) from error
        for segment in segments:
            said = "Would remove" if dry_run else "Removed"
            self.stdout.write(f"{said} {segment}: {segment.count} entries. Its seal stays.")
        if not segments:
            self.stdout.write("Nothing is older than it is kept.")


def _read_head(path: Path) -> Kept:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Kept)
    except (OSError, msgspec.DecodeError) as error:
        raise CommandError(f"{path} holds no head of the chain: {error}") from error


def _require_key() -> None:
    if problem := key_problem():
        raise CommandError(problem)
