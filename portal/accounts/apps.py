from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "portal.accounts"
    label = "accounts"

    def ready(self) -> None:
        from portal.accounts import closing, factor_signals, signals  # noqa: F401  (connect their receivers)
        from portal.accounts.access import access_for
        from portal.accounts.reauthentication import recently_authenticated
        from portal.core.dangerous import use_guard
        from portal.core.sealed import register_sealed_json
        from portal.operations.permission import use_access

        register_sealed_json("mfa.Authenticator", "data")

        use_access(access_for)
        use_guard(recently_authenticated)
