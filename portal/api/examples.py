"""What the page about the API shows of the OpenAPI document: fields in words, and examples to try."""

from dataclasses import dataclass
from typing import Any

import msgspec

from portal.api.openapi import REF, document

_EXAMPLES = {"string": "", "integer": 1, "number": 1.0, "boolean": True}


@dataclass(frozen=True)
class Field:
    """One parameter, or one field of an answer."""

    name: str
    type: str
    description: str


@dataclass(frozen=True)
class Address:
    """One address of the API with all that the page tells of it."""

    name: str
    path: str
    summary: str
    description: str
    is_list: bool
    parameters: list[Field]
    fields: list[Field]
    curl: str
    answer: str


def list_addresses(root: str) -> list[Address]:
    """Every address; `root` is where this portal is reached, such as `https://portal.example.com`."""
    return [_address(root, path, methods["get"]) for path, methods in document()["paths"].items()]


def python_example(root: str) -> str:
    """A whole script that reads every failed Job of November, page by page."""
    return f'''import os

import requests

api = "{root}/api/v1"
token = os.environ["PERIHELION_TOKEN"]
session = requests.Session()
session.headers["Authorization"] = f"Bearer {{token}}"

asked = {{"state": "failed", "since": "2026-11-01T00:00:00Z"}}
while True:
    answer = session.get(f"{{api}}/jobs", params=asked, timeout=30)
    answer.raise_for_status()
    page = answer.json()
    for job in page["data"]:
        print(job["started_at"], job["device"]["name"], job["message"])
    if page["next_cursor"] is None:
        break
    asked["cursor"] = page["next_cursor"]
'''


def _address(root: str, path: str, operation: dict[str, Any]) -> Address:
    answer = operation["responses"]["200"]["content"]["application/json"]["schema"]
    listed = _resolved(answer)["properties"].get("data")
    row = _resolved(listed["items"]) if listed else _resolved(answer)
    tried = f"{root}{path.replace('{id}', '12')}{'?limit=2' if listed else ''}"
    example = msgspec.json.format(msgspec.json.encode(_example(answer)), indent=2).decode()
    return Address(
        name=operation["operationId"].replace("_", "-"),
        path=path,
        summary=operation["summary"],
        description=operation["description"].replace("`", ""),
        is_list=listed is not None,
        parameters=[_field(one["name"], one["schema"], one) for one in operation["parameters"]],
        fields=[_field(name, schema, schema) for name, schema in row["properties"].items()],
        curl=f'curl --header "Authorization: Bearer $PERIHELION_TOKEN" \\\n  "{tried}"',
        answer=example,
    )


def _field(name: str, schema: dict[str, Any], about: dict[str, Any]) -> Field:
    said = about.get("description") or _resolved(_of_any(schema)).get("description", "")
    default = f" Default: {schema['default']}." if schema.get("default") is not None else ""
    return Field(name, _type(schema), said.replace("`", "") + default)


def _type(schema: dict[str, Any]) -> str:
    """A type in words: `time or null`, `one of failed, missed`, `object (id, name)`."""
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if "$ref" in schema:
        return _type(_resolved(schema))
    if "enum" in schema:
        return "one of " + ", ".join(schema["enum"])
    if schema.get("type") == "object":
        return f"object ({', '.join(schema['properties'])})"
    if schema.get("format") == "date-time":
        return "time"
    return str(schema["type"])


def _example(schema: dict[str, Any]) -> Any:
    """A value that the schema allows, of the examples in it."""
    if "examples" in schema:
        return schema["examples"][0]
    if "anyOf" in schema:
        return _example(_of_any(schema))
    if "$ref" in schema:
        return _example(_resolved(schema))
    if "enum" in schema:
        return "succeeded" if "succeeded" in schema["enum"] else schema["enum"][0]
    if schema.get("type") == "object":
        return {name: _example(field) for name, field in schema["properties"].items()}
    if schema.get("type") == "array":
        return [_example(schema["items"])]
    return _EXAMPLES[schema["type"]]


def _of_any(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema, or that of its choices which is not null."""
    return next((one for one in schema.get("anyOf", []) if one.get("type") != "null"), schema)


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """What a schema refers to, or itself."""
    name = str(schema.get("$ref", "")).removeprefix(REF.format(name=""))
    found: dict[str, Any] = document()["components"]["schemas"][name] if name else schema
    return found
