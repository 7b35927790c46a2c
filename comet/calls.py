"""What the generated methods are built on."""

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeVar

from comet import lossless
from comet.answers import Answer, read_bytes, read_json, read_text

T = TypeVar("T")
NO_PARAMS: Mapping[str, object] = MappingProxyType({})


def form_value(value: object) -> str:
    """One parameter as a form field: text as it is, numbers in digits, truth as 1 or 0, the rest as JSON."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, int):
        return str(int(value))
    return lossless.encode(value).decode()


def form_of(params: Mapping[str, object]) -> dict[str, str]:
    """The form fields of a call. What is None was not given and is left out."""
    return {name: form_value(value) for name, value in params.items() if value is not None}


class Caller(ABC):
    """Sends one call and reads its answer."""

    url: str

    @abstractmethod
    def _exchange(
        self,
        method: str,
        path: str,
        params: Mapping[str, object],
        read: Callable[[Answer], T],
        *,
        http_method: str = "POST",
        signed_in: bool = True,
        files: Mapping[str, bytes] | None = None,
    ) -> T:
        """Makes the call and gives what `read` makes of the answer."""

    def _call_json(
        self,
        method: str,
        path: str,
        reply: type[T],
        params: Mapping[str, object] = NO_PARAMS,
        *,
        http_method: str = "POST",
        signed_in: bool = True,
    ) -> T:
        read = functools.partial(read_json, reply=reply)
        return self._exchange(method, path, params, read, http_method=http_method, signed_in=signed_in)

    def _call_text(self, method: str, path: str, params: Mapping[str, object] = NO_PARAMS) -> str:
        return self._exchange(method, path, params, read_text)

    def _call_bytes(self, method: str, path: str, params: Mapping[str, object] = NO_PARAMS) -> bytes:
        return self._exchange(method, path, params, read_bytes)

    def _upload(self, method: str, path: str, reply: type[T], files: Mapping[str, bytes]) -> T:
        read = functools.partial(read_json, reply=reply)
        return self._exchange(method, path, NO_PARAMS, read, files=files)
