from django.apps import AppConfig


class JobsConfig(AppConfig):
    name = "portal.jobs"
    label = "jobs"

    def ready(self) -> None:
        from portal.jobs import abandon, cancel, sync  # noqa: F401  (they register their kinds of Operation)
        from portal.jobs.following import jobs_now
        from portal.operations.following import use_jobs

        use_jobs(jobs_now)
