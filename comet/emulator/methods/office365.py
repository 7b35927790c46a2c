"""What Microsoft 365 shows to a connected device, and how an application registers there. All invented."""

from typing import Any

from comet.emulator.call import Call, done, method
from comet.emulator.draw import Draw
from comet.emulator.errors import bad_request
from comet.emulator.population import Device

Wire = dict[str, Any]
_PEOPLE = ("reception", "accounts", "workshop", "sales", "directors")
_USER, _GROUP = 1, 2
_MAIL_AND_FILES = 4 | 16


@method("AdminDispatcherRequestOffice365Accounts", "UserWebDispatcherRequestOffice365Accounts")
def office365_accounts(call: Call) -> Wire:
    device = _with_office(call)
    return {**done(), "Objects": [_office_object(device, name, "mailbox") for name in _PEOPLE]}


@method("AdminDispatcherRequestOffice365Sites", "UserWebDispatcherRequestOffice365Sites")
def office365_sites(call: Call) -> Wire:
    device = _with_office(call)
    return {**done(), "Objects": [_office_object(device, name, "site") for name in ("intranet", "projects")]}


@method("AdminDispatcherOffice365ListVirtualAccounts", "UserWebDispatcherOffice365ListVirtualAccounts")
def office365_virtual_accounts(call: Call) -> Wire:
    device = _with_office(call)
    people = [_office_account(device, name, _USER) for name in _PEOPLE]
    group = {**_office_account(device, "everybody", _GROUP), "Members": [person["id"] for person in people]}
    return {**done(), "Objects": [*people, group]}


@method("AdminDispatcherRegisterOfficeApplicationBegin", "UserWebDispatcherRegisterOfficeApplicationBegin")
def register_office_begin(call: Call) -> Wire:
    device = call.device()
    if "@" not in call.text("EmailAddress"):
        raise bad_request("The email address is not valid")
    draw = Draw("office", device.device_id, call.server.clock.seconds())
    continuation = draw.guid()
    call.server.office_registrations[continuation] = 0
    return {
        "Continuation": continuation,
        "VerificationURL": "https://login.example/device",
        "UserCode": draw.hex(8).upper(),
    }


@method("AdminDispatcherRegisterOfficeApplicationCheck", "UserWebDispatcherRegisterOfficeApplicationCheck")
def register_office_check(call: Call) -> Wire:
    """Completed the second time it is asked, as if somebody had typed the code meanwhile."""
    device, continuation = call.device(), call.text("Continuation")
    asked = call.server.office_registrations.get(continuation)
    if asked is None:
        raise bad_request("Registration not found")
    call.server.office_registrations[continuation] = asked + 1
    answer: Wire = {"Continuation": continuation, "Completed": asked > 0, "Error": ""}
    if asked > 0:
        draw = Draw("office application", device.username)
        names = ("AppID", "TenantID", "Secret")
        answer["Result"] = {
            **{name: draw.guid() for name in names},
            "AppCert": "",
            "Region": "GlobalPublicCloud",
        }
    return answer


def _office_object(device: Device, name: str, kind: str) -> Wire:
    guid = Draw("office object", device.username, name).guid()
    return {
        "GUID": guid,
        "Name": name,
        "Type": kind,
        "Value": f"{name}@{device.username}.example",
        "Members": [],
    }


def _office_account(device: Device, name: str, kind: int) -> Wire:
    mail = f"{name}@{device.username}.example"
    return {
        "id": Draw("office account", device.username, name).guid(),
        "DisplayName": name.capitalize(),
        "Mail": mail,
        "UserPrincipalName": mail,
        "Type": kind,
        "hasLicense": kind == _USER,
        "ServiceOptions": _MAIL_AND_FILES,
    }


def _with_office(call: Call) -> Device:
    if not call.document("Credentials")["AppID"]:
        raise bad_request("The application is not registered")
    return call.device()
