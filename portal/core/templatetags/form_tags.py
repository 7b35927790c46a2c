"""Form fields in the portal's look."""

from django import forms, template
from django.forms.boundfield import BoundField
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag
def widget(field: BoundField) -> SafeString:
    """The field's input with the class its kind needs, marked where it is in error.

    Django itself adds `aria-describedby` for `<id>_helptext` and `<id>_error`, and `aria-invalid`.
    """
    classes = [widget_class(field), field.field.widget.attrs.get("class", "")]
    if field.errors:
        classes.append("is-invalid")
    return field.as_widget(attrs={"class": " ".join(filter(None, classes))})


@register.filter
def is_checkbox(field: BoundField) -> bool:
    """Whether the label stands beside the input and not above it."""
    return isinstance(field.field.widget, forms.CheckboxInput)


@register.filter
def is_password(field: BoundField) -> bool:
    return isinstance(field.field.widget, forms.PasswordInput)


@register.filter
def error_id(field: BoundField) -> str:
    """Where the field's message stands; Django points `aria-describedby` at it."""
    return f"{field.auto_id}_error"


@register.filter
def help_id(field: BoundField) -> str:
    return f"{field.auto_id}_helptext"


def widget_class(field: BoundField) -> str:
    kind = field.field.widget
    if isinstance(kind, forms.CheckboxSelectMultiple | forms.RadioSelect):
        return "form-choices"
    if isinstance(kind, forms.CheckboxInput):
        return "form-check-input"
    if isinstance(kind, forms.Select):
        return "form-select"
    return "form-control"
