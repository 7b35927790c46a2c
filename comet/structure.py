"""What all structures of the Comet Server API have in common."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, ClassVar, Self

import msgspec

if TYPE_CHECKING:
    from comet.lossless import Origin


class _Traced:
    """One slot beside the fields: where in an answer a structure was read, see `comet.lossless`."""

    __slots__ = ("_origin",)

    if TYPE_CHECKING:  # not for msgspec, which would take it for a field's
        _origin: Origin


class Structure(_Traced, msgspec.Struct, kw_only=True, gc=False, omit_defaults=True):
    """One structure of the API, holding wire values: times are Unix seconds, 0 is "not yet".

    A field the Comet Server left out reads as its zero value. Lists, maps and byte strings may be
    `None`, which means empty: some servers send null.

    A structure that was read is sent back as it came, unknown fields included, with only what was
    changed replaced (`comet.lossless`). Of a structure made anew, what has its zero value is left out,
    since a missing field reads as zero on the server too; an empty list or map that was set on purpose
    is sent as such. Copies made by `copy` (`copy.replace` too) and `pickle` lose nothing either;
    `msgspec`'s own functions, `structs.replace` and `json.encode` among them, know only the fields
    declared here and drop all others.

    Structures are not tracked by the garbage collector, which makes reading large answers two to
    three times faster; do not build reference cycles with them.
    """

    EXTENDS: ClassVar[tuple[str, ...]] = ()
    SECRETS: ClassVar[frozenset[str]] = frozenset()

    def __repr__(self) -> str:
        """The fields that are not zero; secrets appear as `***`."""
        shown = ", ".join(f"{name}={value!r}" for name, value in self.__rich_repr__())
        return f"{type(self).__name__}({shown})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        fields = [(name, getattr(self, name)) for name in self.__struct_fields__]
        return [(name, _MASK if name in self.SECRETS else value) for name, value in fields if value]

    def __copy__(self) -> Self:
        return self._sharing_origin(msgspec.structs.replace(self))

    def __replace__(self, /, **changes: Any) -> Self:
        return self._sharing_origin(msgspec.structs.replace(self, **changes))

    def __reduce__(self) -> tuple[Any, ...]:
        from comet import lossless  # which is built on this module

        return lossless.decode, (lossless.encode(self), type(self))

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        values = {name: copy.deepcopy(getattr(self, name), memo) for name in self.__struct_fields__}
        return self._sharing_origin(type(self)(**values))

    def _sharing_origin(self, other: Self) -> Self:
        if hasattr(self, "_origin"):
            other._origin = self._origin
        return other


class _Mask:
    def __repr__(self) -> str:
        return "***"


_MASK = _Mask()
