"""What all structures of the Comet Server API have in common."""

from typing import Any, ClassVar

import msgspec


class Structure(msgspec.Struct, kw_only=True, gc=False, omit_defaults=True):
    """One structure of the API, holding wire values: times are Unix seconds, 0 is "not yet".

    A field the Comet Server left out reads as its zero value. Lists, maps and byte strings may be
    `None`, which means empty: some servers send null. What has its zero value is left out when a
    structure is sent, since a missing field reads as zero there too; an empty list or map that was
    set on purpose is sent as such.

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


class _Mask:
    def __repr__(self) -> str:
        return "***"


_MASK = _Mask()
