"""What the generated methods are built on: parameters are checked and made a form, answers typed."""

import functools
import typing
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType, NoneType
from typing import Any, TypeVar

import msgspec

from comet import errors, lossless
from comet.answers import Answer, read_bytes, read_json, read_text
from comet.spec.names import snake_case
from comet.structure import Structure

T = TypeVar("T")
NO_PARAMS: Mapping[str, object] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Call:
    """One call as it goes out, credential apart. `is_safe`: it may be sent twice."""

    method: str
    path: str
    form: Mapping[str, str]
    http_method: str = "POST"
    signed_in: bool = True
    is_safe: bool = False
    files: Mapping[str, bytes] | None = None


def signed(call: Call, signature: Mapping[str, str]) -> dict[str, str]:
    """The whole form: a call's parameters beside the fields of a credential.

    Raises:
        BadParameter: a parameter has the name of one of the credential's fields, and another value.
    """
    for name in signature.keys() & call.form.keys():
        if signature[name] != call.form[name]:
            raise errors.BadParameter(
                f"{name} is also how this client signs in; make the call with another kind of credential",
                method=call.method,
            )
    return {**signature, **call.form}


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


class Parameters:
    """The declared parameters of one method, by Comet's names; their types are those of the signature."""

    def __init__(self, method: str, function: Callable[..., Any]) -> None:
        self._method = method
        hints = typing.get_type_hints(function)
        hints.pop("return", None)
        self._kinds = {name: _without_none(kind) for name, kind in hints.items()}
        self._optional = {name for name, kind in hints.items() if NoneType in typing.get_args(kind)}

    def form(self, params: Mapping[str, object]) -> dict[str, str]:
        """The form fields of a call.

        Raises:
            BadParameter: a parameter is missing, unknown, or not of its type.
        """
        form: dict[str, str] = {}
        given = set()
        for wire_name, value in params.items():
            name = snake_case(wire_name)
            given.add(name)
            kind = self._kinds.get(name)
            if kind is None:
                self._refuse(wire_name, "is not a parameter of this method")
            if value is None:
                if name not in self._optional:
                    self._refuse(wire_name, "must be given")
                continue
            form[wire_name] = self._field(wire_name, kind, value)
        missing = self._kinds.keys() - given - self._optional
        if missing:
            self._refuse(min(missing), "must be given")
        return form

    def files(self, files: Mapping[str, object]) -> dict[str, bytes]:
        """The files of an upload, checked."""
        for name, value in files.items():
            if not isinstance(value, bytes | bytearray):
                self._refuse(name, f"must be bytes, not {type(value).__name__}")
        return typing.cast(dict[str, bytes], dict(files))

    def _field(self, name: str, kind: Any, value: object) -> str:
        if kind is str:
            if not isinstance(value, str):
                self._refuse(name, f"must be str, not {type(value).__name__}")
            if not _is_encodable(value):
                self._refuse(name, "holds half a character, which cannot be sent")
            return str(value)
        if kind is int or kind is bool:
            if not isinstance(value, kind):
                self._refuse(name, f"must be {kind.__name__}, not {type(value).__name__}")
            return str(int(value))
        expected = tuple(lossless.structures_in(kind))
        for part in _parts(value):
            if isinstance(part, Structure) and not isinstance(part, expected):
                self._refuse(name, f"does not take a {type(part).__name__}")
        try:
            encoded = lossless.encode(value)
            lossless.decoder(kind).decode(encoded)
            return encoded.decode()
        except (msgspec.MsgspecError, TypeError, UnicodeError, RecursionError) as problem:
            self._refuse(name, f"cannot be sent: {problem}", problem)

    def _refuse(self, name: str, why: str, problem: Exception | None = None) -> typing.NoReturn:
        raise errors.BadParameter(f"{name} {why}", method=self._method) from problem


@functools.cache
def parameters(owner: type, method: str) -> Parameters:
    """The parameters of the method that `owner` has under Comet's name `method`."""
    return Parameters(method, getattr(owner, snake_case(method)))


class Caller(ABC):
    """Sends one call and reads its answer."""

    url: str

    @abstractmethod
    def _exchange(self, call: Call, read: Callable[[Answer], T]) -> T:
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
        is_safe: bool = False,
    ) -> T:
        form = parameters(type(self), method).form(params) if params else {}
        call = Call(method, path, form, http_method, signed_in, is_safe)
        return self._exchange(call, functools.partial(read_json, reply=reply))

    def _call_text(
        self, method: str, path: str, params: Mapping[str, object] = NO_PARAMS, *, is_safe: bool = False
    ) -> str:
        form = parameters(type(self), method).form(params) if params else {}
        return self._exchange(Call(method, path, form, is_safe=is_safe), read_text)

    def _call_bytes(
        self, method: str, path: str, params: Mapping[str, object] = NO_PARAMS, *, is_safe: bool = False
    ) -> bytes:
        form = parameters(type(self), method).form(params) if params else {}
        return self._exchange(Call(method, path, form, is_safe=is_safe), read_bytes)

    def _upload(self, method: str, path: str, reply: type[T], files: Mapping[str, bytes]) -> T:
        checked = parameters(type(self), method).files(files)
        call = Call(method, path, NO_FORM, files=checked)
        return self._exchange(call, functools.partial(read_json, reply=reply))


NO_FORM: Mapping[str, str] = MappingProxyType({})


def _without_none(kind: Any) -> Any:
    """`str | None` gives `str`."""
    parts = [part for part in typing.get_args(kind) if part is not NoneType]
    return parts[0] if NoneType in typing.get_args(kind) else kind


def _parts(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list | tuple) else (value,)


def _is_encodable(text: str) -> bool:
    try:
        return text.isascii() or bool(text.encode())
    except UnicodeEncodeError:
        return False
