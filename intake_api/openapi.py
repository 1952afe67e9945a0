"""The OpenAPI document: what FastAPI derives from the doors, completed with our problems and with an example for every door."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from intake_api.contracts import Problem
from intake_api.problems import MEDIA_TYPE

EXAMPLES = Path(__file__).with_name("examples.yaml")
DESCRIPTION = """\
Tickets, catalogue, grids and what belongs to them. Every error is a problem (RFC 9457) with a stable `code`, the fact and the
remedy in `detail`, and `retryable`. Services send `Authorization: Bearer`; people have a session cookie and send `X-CSRF-Token`.
Creating is idempotent: a report by its `external_id`, an act by its `key`, an upload by its `Idempotency-Key`.
"""
_BODY = {"400": "The body is not well-formed.", "413": "The body is too large.", "415": "The body has a type no door takes."}
_SIGNED = {"401": "No valid token or session.", "403": "Not yours to see or to do."}
_ALWAYS = {"500": "Something broke here.", "503": "The database does not answer just now."}
_CHANGES = {"409": "It clashes with what is already there; read it again."}
_INVALID = {"422": "A value is missing or wrong; `errors` says where."}


def operation_id(route: APIRoute) -> str:
    """The name of the function behind the door: short, stable, unique (a test says so)."""
    return route.name


def document(app: FastAPI) -> dict[str, Any]:
    """The document, built once an app."""
    if app.openapi_schema is None:
        schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        for path, operations in schema["paths"].items():
            for method, operation in operations.items():
                _complete(path, method, operation)
        schemas = schema.setdefault("components", {}).setdefault("schemas", {})
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        schemas["Problem"] = _problem_schema()
        app.openapi_schema = schema
    return app.openapi_schema


def _problem_schema() -> dict[str, Any]:
    schema = Problem.model_json_schema()
    item = {"type": "object", "properties": {name: {"type": "string"} for name in ("where", "message", "type")}}
    schema["properties"]["errors"] = {"type": "array", "items": item, "description": "Where each invalid value stands."}
    return schema


def _complete(path: str, method: str, operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    problems = dict(_ALWAYS)
    if operation.get("security"):
        problems |= _SIGNED
    if operation.get("parameters"):
        problems["404"] = "It does not exist or is not visible to you."
    if "requestBody" in operation:
        problems |= _BODY
    if "requestBody" in operation or operation.get("parameters"):
        problems |= _INVALID
    if method != "get":
        problems |= _CHANGES
    for status, meaning in sorted(problems.items()):
        if status == "422" or status not in responses:
            responses[status] = {"description": meaning}
    for status, response in responses.items():
        if status >= "400":
            response.setdefault("content", {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}})
    _add_examples(operation)


@lru_cache(maxsize=1)
def examples() -> dict[str, dict[str, Any]]:
    """operation id → {request, response}: what a call looks like, for readers of the document and for its tests."""
    found: dict[str, dict[str, Any]] = yaml.safe_load(EXAMPLES.read_text(encoding="utf8"))
    return found


def _add_examples(operation: dict[str, Any]) -> None:
    example = examples().get(operation["operationId"], {})
    if "request" in example:
        for content in operation["requestBody"]["content"].values():
            content["example"] = example["request"]
    if "response" in example:
        for status, response in operation["responses"].items():
            if status.startswith("2"):
                for content in response.get("content", {}).values():
                    content["example"] = example["response"]
