"""Errors as RFC 9457 problem+json: a stable code, the fact, the remedy; never a stack trace, never what a resident wrote."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, cast

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import IntegrityError, OperationalError
from starlette.exceptions import HTTPException

from intake_api.contracts import Problem

MEDIA_TYPE = "application/problem+json"
log = structlog.get_logger()

BY_STATUS = {
    400: ("malformed_body", "The body could not be read; send well-formed JSON in UTF-8."),
    404: ("not_found", "There is nothing at this address."),
    405: ("method_not_allowed", "This address does not take that method; see the Allow header."),
    413: ("body_too_large", "The body is too large; JSON may have 1 MB, a file 10 MB."),
    415: ("unsupported_media_type", "Send the body as application/json."),
}


class ProblemError(Exception):
    """Raised at the border of the API with the fact and the remedy in `detail`.

    `retryable` says whether the same request may succeed later; `headers` go onto the response (Retry-After, …).
    """

    def __init__(self, status: int, code: str, detail: str = "", *, retryable: bool = False, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail or code)
        self.status, self.code, self.detail, self.retryable = status, code, detail, retryable
        self.headers = headers or {}


def not_found(what: str) -> ProblemError:
    return ProblemError(404, "not_found", f"{what} does not exist or is not visible to you.")


def forbidden(detail: str, code: str = "forbidden") -> ProblemError:
    return ProblemError(403, code, detail)


def conflict(code: str, detail: str, *, retryable: bool = False) -> ProblemError:
    return ProblemError(409, code, detail, retryable=retryable)


def invalid(code: str, detail: str) -> ProblemError:
    return ProblemError(422, code, detail)


def problem_response(problem: ProblemError, errors: list[dict[str, str]] | None = None) -> JSONResponse:
    """The problem as a response; `errors` lists where each invalid value stands and what is wrong with it."""
    body: dict[str, Any] = Problem(
        title=HTTPStatus(problem.status).phrase,
        status=problem.status,
        detail=problem.detail,
        code=problem.code,
        retryable=problem.retryable,
    ).model_dump()
    if errors is not None:
        body["errors"] = errors
    return JSONResponse(body, problem.status, headers=problem.headers, media_type=MEDIA_TYPE)


def internal_problem(incident: str) -> JSONResponse:
    return problem_response(
        ProblemError(500, "internal", f"Something broke here; it is logged under {incident}. Try again later.", retryable=True)
    )


async def _on_problem(request: Request, error: Exception) -> JSONResponse:
    return problem_response(cast(ProblemError, error))


async def _on_invalid(request: Request, error: Exception) -> JSONResponse:
    if any(found["type"] == "json_invalid" for found in cast(RequestValidationError, error).errors()):
        return problem_response(ProblemError(400, *BY_STATUS[400]))
    errors = [
        {"where": ".".join(str(part) for part in found["loc"]), "message": str(found["msg"]), "type": str(found["type"])}
        for found in cast(RequestValidationError, error).errors()[:20]
    ]
    first = f"{errors[0]['where']}: {errors[0]['message']}" if errors else "the request is not valid"
    return problem_response(ProblemError(422, "invalid", first[:500]), errors)


async def _on_http(request: Request, error: Exception) -> JSONResponse:
    refused = cast(HTTPException, error)
    code, detail = BY_STATUS.get(refused.status_code, (f"http_{refused.status_code}", str(refused.detail)))
    return problem_response(ProblemError(refused.status_code, code, detail, headers=dict(refused.headers or {})))


async def _on_busy(request: Request, error: Exception) -> JSONResponse:
    log.warning("database.refused", error=type(cast(OperationalError, error).orig).__name__)
    detail = "The database does not answer just now; try again in a moment."
    return problem_response(ProblemError(503, "database_busy", detail, retryable=True, headers={"Retry-After": "1"}))


async def _on_clash(request: Request, error: Exception) -> JSONResponse:
    log.warning("database.clashed", error=type(cast(IntegrityError, error).orig).__name__)
    detail = "Someone changed the same thing at the same moment; read it again and repeat."
    return problem_response(ProblemError(409, "concurrent_change", detail, retryable=True))


def install(app: FastAPI) -> None:
    """Make every error of `app` a problem; what nobody foresaw is answered by the outermost middleware (intake_api.http)."""
    app.add_exception_handler(ProblemError, _on_problem)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(OperationalError, _on_busy)
    app.add_exception_handler(IntegrityError, _on_clash)
