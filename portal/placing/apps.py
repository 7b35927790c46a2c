from django.apps import AppConfig


class PlacingConfig(AppConfig):
    name = "portal.placing"
    label = "placing"

    def ready(self) -> None:
        from portal.placing import consequences, history  # noqa: F401  (registers its kind of Operation)
        from portal.servers.placements import after_move

        if consequences.follow_up not in after_move:
            after_move.append(consequences.follow_up)
