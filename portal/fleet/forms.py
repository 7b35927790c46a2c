"""What "Run backup" is asked for."""

from typing import Any, Final

from django import forms
from django.core.exceptions import BadRequest
from django.http import Http404, QueryDict

from portal.core.access import Access, PortalRequest
from portal.fleet import selectors
from portal.fleet.filters import DeviceFilters
from portal.fleet.models import Device, ProtectedItem, StorageVault

MOST_IDS: Final = 500
"""How many Devices may be named one by one; more are asked for by "all that match"."""


class BackupForm(forms.Form):
    """What to back up on one Device, and where to."""

    item = forms.ModelChoiceField(
        ProtectedItem.objects.none(),
        required=False,
        label="Protected item",
        empty_label="All protected items",
    )
    vault = forms.ModelChoiceField(
        StorageVault.objects.none(),
        required=False,
        label="Storage vault",
        empty_label="The vault of each item's last backup",
    )

    def __init__(self, data: QueryDict | None, *, access: Access, devices: list[Device]) -> None:
        super().__init__(data)
        if len(devices) != 1:
            del self.fields["item"], self.fields["vault"]
            return
        items: Any = self.fields["item"]
        items.queryset = selectors.list_items(access, device=devices[0])
        vaults: Any = self.fields["vault"]
        vaults.queryset = selectors.list_vaults(access, devices[0].profile)


def chosen_devices(request: PortalRequest, data: QueryDict) -> list[Device]:
    """The Devices a form names: by `device` or `selected` ids, or all that match the filters in it.

    Raises:
        Http404: an id is none of a Device the caller may see.
        BadRequest: more than `MOST_IDS` are named.
    """
    devices = selectors.list_devices(request.access)
    if data.get("all_matching"):
        filters = DeviceFilters(data, queryset=devices, request=request)
        return list(filters.rows())
    ids = {int(text) for text in _ids(data)}
    found = list(devices.filter(pk__in=ids).order_by("name", "pk"))
    if len(found) != len(ids):
        raise Http404("No such device.")
    return found


def fields_again(data: QueryDict, devices: list[Device]) -> list[tuple[str, str]]:
    """Fields by which a form names the same Devices: the filters for "all that match", else their ids."""
    if not data.get("all_matching"):
        return [("device", str(device.pk)) for device in devices]
    names = ["all_matching", *DeviceFilters.base_filters]
    return [(name, str(data[name])) for name in names if data.get(name)]


def _ids(data: QueryDict) -> list[str]:
    texts = [*data.getlist("device"), *data.getlist("selected")]
    if len(texts) > MOST_IDS:
        raise BadRequest(f"At most {MOST_IDS} devices can be named one by one.")
    if not all(text.isascii() and text.isdigit() and len(text) < 19 for text in texts):
        raise Http404("No such device.")
    return texts
