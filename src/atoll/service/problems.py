"""Every error a request can meet as one problem document (RFC 9457)."""

from __future__ import annotations

import logging
from typing import Any

import msgspec

from atoll.contracts import Problem
from atoll.core.errors import AtollError, http_status
from atoll.saga import SagaFailed, SagaGivenUp, SagaRunning
from atoll.security import SecurityError
from atoll.service.errors import Refused
from atoll.service.http import Reply

_logger = logging.getLogger(__name__)

PROBLEM_TYPE = "application/problem+json"


def problem_reply(error: BaseException, *, request_id: str = "") -> Reply:
    """Return the reply for `error`. An unexpected one is logged whole and told only by its request id."""
    if isinstance(error, Problem):
        return _reply(error.document(), {})
    if isinstance(error, SagaRunning):
        return _running(error)
    if isinstance(error, SagaFailed) and not isinstance(error, SagaGivenUp):
        _logger.error("a request's work was undone", exc_info=error)
        return _reply(_document(error.code, f"this failed and was undone; {_more(request_id)}"), {})
    if isinstance(error, AtollError) and error.code != "internal":
        headers = dict(error.headers) if isinstance(error, Refused) else {}
        if isinstance(error, SecurityError):
            headers["www-authenticate"] = 'Bearer error="invalid_token"'
        fields = dict(error.fields) if isinstance(error, Refused) else {}
        return _reply(_document(error.code, str(error)) | fields, headers)
    _logger.error("a request failed", exc_info=error)
    return _reply(_document("internal", f"something went wrong here; {_more(request_id)}"), {})


def _more(request_id: str) -> str:
    return f"the log tells more under request id {request_id}"


def error_type(error: BaseException) -> str:
    """Return the short name of `error` for metrics."""
    return error.code if isinstance(error, AtollError) else "internal"


def _document(code: str, detail: str) -> dict[str, Any]:
    title = code.replace("_", " ").capitalize()
    return {"type": "about:blank", "title": title, "status": http_status(code), "detail": detail, "code": code}


def _running(error: SagaRunning) -> Reply:
    body = {"status": "running", "saga": error.saga_id, "detail": "repeat the request with the same Idempotency-Key"}
    return Reply(status=202, body=msgspec.json.encode(body), headers={"retry-after": "1"})


def _reply(document: dict[str, Any], headers: dict[str, str]) -> Reply:
    return Reply(
        status=document["status"], body=msgspec.json.encode(document), content_type=PROBLEM_TYPE, headers=headers
    )
