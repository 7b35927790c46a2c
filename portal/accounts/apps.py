from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "portal.accounts"
    label = "accounts"

    def ready(self) -> None:
        from portal.accounts import closing, factor_signals, signals  # noqa: F401  (connect their receivers)
        from portal.accounts.access import access_for, access_to_trash
        from portal.accounts.reauthentication import recently_authenticated
        from portal.core.dangerous import use_guard
        from portal.core.sealed import register_sealed_json
        from portal.operations.permission import use_access
        from portal.tenants.trash_sight import use_access_to_trash

        register_sealed_json("mfa.Authenticator", "data")

        use_access(access_for)
        use_access_to_trash(access_to_trash)
        use_guard(recently_authenticated)
