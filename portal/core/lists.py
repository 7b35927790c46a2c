"""What list pages share: filters that live in the address bar, and the chips that show them."""

import datetime as dt
from dataclasses import dataclass
from typing import Any, Final

import django_filters
from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from portal.core.access import PortalRequest
from portal.core.fields import PlainTextField

SEARCH_LENGTH: Final = 100
EARLIEST: Final = dt.date(2000, 1, 1)
LATEST: Final = dt.date(2199, 12, 31)


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter in force, and the address without it."""

    label: str
    remove_url: str


class SearchFilter(django_filters.Filter):
    """One line of text to look for."""

    field_class = PlainTextField

    def __init__(self, *args: Any, placeholder: str, **kwargs: Any) -> None:
        widget = forms.TextInput(attrs={"type": "search", "placeholder": placeholder, "autocomplete": "off"})
        super().__init__(*args, label="Search", max_length=SEARCH_LENGTH, widget=widget, **kwargs)


class DayField(forms.DateField):
    """A day that a calendar of this product can hold."""

    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")

    def validate(self, value: Any) -> None:
        super().validate(value)
        if value is not None and not EARLIEST <= value <= LATEST:
            raise forms.ValidationError("Choose a day between 2000 and 2199.")


class DayFilter(django_filters.Filter):
    field_class = DayField


class FlagField(forms.BooleanField):
    """A checkbox that says nothing while it is not set."""

    def clean(self, value: Any) -> bool | None:
        return super().clean(value) or None


class FlagFilter(django_filters.Filter):
    """A checkbox that narrows the list only where it is set."""

    field_class = FlagField


class ListFilters(django_filters.FilterSet):
    """Filters of one list. A value that cannot be used gives a message at its field and no rows."""

    request: PortalRequest

    def rows(self) -> QuerySet[Any]:
        """The rows that match; none while a filter holds what it cannot use."""
        return self.qs if self.is_valid() else self.queryset.none()

    @property
    def http_status(self) -> int:
        """The answer's HTTP status: 422 where a filter holds what it cannot use."""
        return 200 if self.is_valid() else 422

    def value(self, name: str) -> Any:
        """What filter `name` was set to, or None."""
        return self.form.cleaned_data.get(name) if self.is_valid() else None

    def chips(self) -> list[Chip]:
        """The filters in force, in the words of the form."""
        if not self.is_valid():
            return []
        return [
            Chip(self._said(name, value), address_without(self.request, name))
            for name, value in self.form.cleaned_data.items()
            if value not in (None, "", False)
        ]

    def _said(self, name: str, value: Any) -> str:
        field = self.form.fields[name]
        if value is True:
            return str(field.label)
        if isinstance(field, forms.ChoiceField) and not isinstance(field, forms.ModelChoiceField):
            choices: Any = field.choices
            value = dict(choices).get(value, value)
        if isinstance(value, dt.date):
            value = f"{value.day} {value:%b %Y}"
        return f"{field.label}: {value}"


def midnight(day: dt.date) -> dt.datetime:
    """When a day begins for the viewer."""
    return dt.datetime.combine(day, dt.time(), timezone.get_current_timezone())


def address_without(request: HttpRequest, *names: str) -> str:
    """This page's address without some of its filters, on its first page."""
    query = request.GET.copy()
    for name in (*names, "after", "before"):
        query.pop(name, None)
    return f"{request.path}?{query.urlencode()}" if query else request.path


def query_of(request: HttpRequest, *without: str) -> str:
    """The query string without the page, for links to the same rows elsewhere."""
    query = request.GET.copy()
    for name in ("after", "before", *without):
        query.pop(name, None)
    return query.urlencode()
