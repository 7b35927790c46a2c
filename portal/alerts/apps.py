from django.apps import AppConfig


class AlertsConfig(AppConfig):
    name = "portal.alerts"
    label = "alerts"

    def ready(self) -> None:
        from portal.alerts.tasks import evaluate_on_commit
        from portal.jobs.item_results import after_turns

        if evaluate_on_commit not in after_turns:
            after_turns.append(evaluate_on_commit)
