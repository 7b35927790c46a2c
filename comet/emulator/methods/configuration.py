"""The server's configuration, whole and in the parts that organizations have as well."""

from typing import Any

from comet.emulator import events
from comet.emulator.call import Call, done, method
from comet.emulator.draw import Draw
from comet.emulator.errors import bad_request

Wire = dict[str, Any]
_INTERFACES = ("127.0.0.1", "192.0.2.10", "2001:db8::10")


@method("AdminMetaServerConfigGet")
def server_config_get(call: Call) -> Wire:
    return call.server.settings.whole()


@method("AdminMetaServerConfigSet")
def server_config_set(call: Call) -> Wire:
    """Saves, answers, then restarts."""
    call.server.settings.replace(call.document("Config"))
    _tell_server(call)
    call.after.append(lambda: _restart(call))
    return done()


@method("AdminMetaServerConfigNetworkInterfaces")
def network_interfaces(call: Call) -> list[str]:
    return list(_INTERFACES)


@method("AdminMetaRestartService")
def restart_service(call: Call) -> Wire:
    call.after.append(lambda: _restart(call))
    return done("Restarting")


@method("AdminMetaShutdownService")
def shutdown_service(call: Call) -> Wire:
    """Ends the process; with a control plane only the ports close, and an order can open them again."""

    def shut_down() -> None:
        call.emit(events.SERVER_SHUTDOWN, organization_id="")
        if call.server.has_control:
            call.server.power.stop()
        else:
            call.server.power.end()

    call.after.append(shut_down)
    return done("Shutting down")


@method("AdminMetaBrandingConfigGet")
def branding_get(call: Call) -> Wire:
    return {"Branding": _section(call, "Branding")}


@method("AdminMetaBrandingConfigSet")
def branding_set(call: Call) -> Wire:
    return _put(call, "Branding", call.document("BrandingConfig"))


@method("AdminMetaBuildConfigGet")
def build_get(call: Call) -> Wire:
    return {"SoftwareBuildRole": _section(call, "SoftwareBuildRole")}


@method("AdminMetaBuildConfigSet")
def build_set(call: Call) -> Wire:
    return _put(call, "SoftwareBuildRole", call.document("SoftwareBuildRoleConfig"))


@method("AdminMetaConstellationConfigGet")
def constellation_get(call: Call) -> Wire:
    config: Wire = _section(call, "ConstellationRole")
    return config


@method("AdminMetaConstellationConfigSet")
def constellation_set(call: Call) -> Wire:
    return _put(call, "ConstellationRole", call.document("ConstellationRoleOptions"))


@method("AdminMetaEmailOptionsGet")
def email_get(call: Call) -> Wire:
    options: Wire = _section(call, "Email")
    return options


@method("AdminMetaEmailOptionsSet")
def email_set(call: Call) -> Wire:
    return _put(call, "Email", call.document("EmailOptions"))


@method("AdminMetaPsaConfigListGet")
def psa_get(call: Call) -> list[Wire]:
    configs: list[Wire] = _section(call, "PSAConfigs")
    return configs


@method("AdminMetaPsaConfigListSet")
def psa_set(call: Call) -> Wire:
    return _put(call, "PSAConfigs", call.document("PSAConfigList"))


@method("AdminMetaPsaConfigListSyncNow")
def psa_sync(call: Call) -> Wire:
    if not _section(call, "PSAConfigs"):
        raise bad_request("No PSA is configured")
    return done("Synchronised")


@method("AdminMetaWebhookOptionsGet")
def webhooks_get(call: Call) -> dict[str, Wire]:
    options: dict[str, Wire] = _section(call, "WebhookOptions")
    return options


@method("AdminMetaWebhookOptionsSet")
def webhooks_set(call: Call) -> Wire:
    """Replaces them all; what is queued is dropped, and each new one is greeted."""
    answer = _put(call, "WebhookOptions", call.document("WebhookOptions"))
    call.server.webhooks.configured(call.caller.organization_id, call.server.hello())
    return answer


@method("AdminMetaRemoteStorageVaultGet")
def templates_get(call: Call) -> list[Wire]:
    options: list[Wire] = _section(call, "RemoteStorage")
    return options


@method("AdminMetaRemoteStorageVaultSet")
def templates_set(call: Call) -> Wire:
    """Templates without an ID are given one. Users of a template that is gone get the replacement."""
    before = {option["ID"] for option in _section(call, "RemoteStorage")}
    options = call.document("RemoteStorageOptions")
    for number, option in enumerate(options):
        name = option["Description"]
        option["ID"] = option["ID"] or Draw(call.server.options.seed, "template", name, number).guid()
    kept = {option["ID"] for option in options}
    replacement = call.text("ReplacementAutoVaultID")
    if replacement and replacement not in kept:
        raise bad_request("The replacement is not one of the storage templates")
    answer = _put(call, "RemoteStorage", options)
    book = call.server.profiles
    for username in book.names(call.caller.sees):
        if (book.stored(username) or {})["AutoStorageTemplateGUID"] in before - kept:
            book.change(username, AutoStorageTemplateGUID=replacement)
    return answer


@method("AdminMetaRemoteStorageVaultTest")
def template_test(call: Call) -> Wire:
    if not call.document("TemplateOptions")["Type"]:
        raise bad_request("The storage template has no type")
    return done("Connected")


@method("AdminMetaSendTestEmail")
def send_test_email(call: Call) -> Wire:
    if "@" not in call.text("Recipient"):
        raise bad_request("The recipient is not an email address")
    call.server.note_email()
    return done("Sent")


@method("AdminMetaSendTestReport")
def send_test_report(call: Call) -> Wire:
    call.target_organization()
    if not call.document("EmailReportingOption")["Recipients"]:
        raise bad_request("The report has no recipients")
    call.server.note_email()
    return done("Sent")


def _section(call: Call, name: str) -> Any:
    return call.server.settings.section(call.caller.organization_id, name)


def _put(call: Call, name: str, value: Any) -> Wire:
    own = call.caller.organization_id
    call.server.settings.put_section(own, name, value)
    if own:
        record = call.server.organizations.get(own)
        call.emit(events.TENANT_UPDATED, organization_id=own, resource_id=own, data=record)
    else:
        _tell_server(call)
    return done()


def _tell_server(call: Call) -> None:
    call.emit(events.SERVER_UPDATED, organization_id="", data=call.server.settings.whole())


def _restart(call: Call) -> None:
    call.emit(events.SERVER_RESTARTED, organization_id="")
    call.server.power.restart()
