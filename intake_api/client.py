"""The front door for the other processes: one method a door of the intake API, one kind of error, nothing retried in secret."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, RootModel, ValidationError

from intake_api.contracts import (
    Act,
    BindIn,
    CatalogueIn,
    CatalogueView,
    ChatSettings,
    ChatView,
    DocumentsIn,
    Forgotten,
    GridIn,
    GridView,
    IncidentPage,
    IncidentView,
    KnowledgeView,
    LinkIn,
    MediaView,
    MigrateIn,
    OneTimeCodeView,
    PartingPage,
    PassagesView,
    Problem,
    QuestionIn,
    QuestionView,
    Receipt,
    ReportIn,
    StaffView,
    State,
    SupplementIn,
    TicketDetail,
    TicketPage,
    TicketView,
    VoteIn,
    VotesView,
)

OPEN_STATES: tuple[State, ...] = (
    "candidate", "accepted", "self_handled", "dispatched", "signed", "in_progress", "need_info", "extension_requested",
    "returned", "escalated", "done", "callback", "reopened",
)  # fmt: skip
TIMEOUT = httpx.Timeout(10.0, connect=3.0)
LIMITS = httpx.Limits(max_connections=64, max_keepalive_connections=32)
_T = TypeVar("_T", bound=BaseModel)


class _Grids(RootModel[list[GridView]]):
    pass


class IntakeError(Exception):
    """The API refused, or could not be reached (status 0). `retryable`: the same call may succeed later."""

    def __init__(self, code: str, *, status: int = 0, retryable: bool = False, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code, self.status, self.retryable, self.detail = code, status, retryable, detail


class IntakeClient:
    """Speaks to one intake API with one service token. Every method raises IntakeError; give it an `http` of your own to share
    its connections or to test without a network."""

    def __init__(self, base_url: str, token: str, http: httpx.AsyncClient | None = None) -> None:
        self._base = base_url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"}
        self._own = http is None
        self._http = http or httpx.AsyncClient(timeout=TIMEOUT, limits=LIMITS, trust_env=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of the connections, unless they were given."""
        if self._own:
            await self._http.aclose()

    # ---- tickets
    async def create_report(self, report: ReportIn) -> Receipt:
        """Idempotent by `external_id`: repeat it after any retryable error."""
        return await self._call(Receipt, "POST", "/v1/reports", body=report)

    async def add_supplement(self, ticket_id: str, supplement: SupplementIn) -> TicketView:
        return await self._call(TicketView, "POST", f"/v1/tickets/{_part(ticket_id)}/supplements", body=supplement)

    async def act(self, ticket_id: str, act: Act) -> TicketView:
        """Idempotent by the act's `key`."""
        return await self._call(TicketView, "POST", f"/v1/tickets/{_part(ticket_id)}/acts", body=act)

    async def ticket(self, ticket_id: str, as_handle: str = "") -> TicketDetail:
        """`as_handle` (channel:id): `moves` is then what this person may do."""
        query = {"as_handle": as_handle} if as_handle else None
        return await self._call(TicketDetail, "GET", f"/v1/tickets/{_part(ticket_id)}", query=query)

    async def tickets(
        self,
        *,
        states: Sequence[State] = (),
        grid: str | None = None,
        chat: str | None = None,
        category: str | None = None,
        q: str | None = None,
        updated_after: datetime | None = None,
        limit: int = 100,
        cursor: str = "",
    ) -> TicketPage:
        """One page, newest change first. `chat` is channel:id."""
        wanted = {"grid": grid, "chat": chat, "category": category, "q": q, "cursor": cursor or None, "limit": limit}
        query: dict[str, Any] = {name: value for name, value in wanted.items() if value is not None}
        if states:
            query["state"] = list(states)
        if updated_after is not None:
            query["updated_after"] = updated_after.isoformat()
        return await self._call(TicketPage, "GET", "/v1/tickets", query=query)

    async def open_tickets(self, channel: str, chat_id: str) -> list[TicketView]:
        """Every ticket of a chat that is not settled."""
        found: list[TicketView] = []
        cursor = ""
        while True:
            page = await self.tickets(states=OPEN_STATES, chat=f"{channel}:{chat_id}", limit=100, cursor=cursor)
            found += page.tickets
            cursor = page.cursor
            if not cursor:
                return found

    async def add_media(self, ticket_id: str, data: bytes, mime: str, key: str, message_id: str = "") -> MediaView:
        """Hand over evidence; idempotent by `key`. Raises 422 `broken_media` for what cannot be opened."""
        files, fields = {"file": ("evidence", data, mime)}, {"message_id": message_id}
        path = f"/v1/tickets/{_part(ticket_id)}/media"
        return await self._call(MediaView, "POST", path, files=files, fields=fields, headers={"Idempotency-Key": key})

    async def media(self, sha256: str) -> tuple[bytes, str]:
        """The bytes and their type."""
        answer = await self._send("GET", f"/v1/media/{_part(sha256)}")
        return answer.content, answer.headers.get("content-type", "application/octet-stream")

    async def open_incidents(self, channel: str, chat_id: str) -> list[IncidentView]:
        """What this group was told of and is not over."""
        query = {"state": "open", "chat": f"{channel}:{chat_id}"}
        return (await self._call(IncidentPage, "GET", "/v1/incidents", query=query)).incidents

    async def partings(self, cursor: str = "") -> PartingPage:
        """One page of what people merged and took apart, oldest first. Needs a token with the scope reader."""
        return await self._call(PartingPage, "GET", "/v1/partings", query={"cursor": cursor})

    # ---- chats, grids, staff
    async def chat(self, channel: str, chat_id: str) -> ChatView:
        """A chat that was never bound has no grid."""
        return await self._call(ChatView, "GET", f"/v1/chats/{_part(channel)}/{_part(chat_id)}")

    async def set_chat_settings(self, channel: str, chat_id: str, settings: ChatSettings) -> ChatView:
        return await self._call(ChatView, "PUT", f"/v1/chats/{_part(channel)}/{_part(chat_id)}/settings", body=settings)

    async def bind_chat(self, bind: BindIn) -> ChatView:
        """Raises 403 code_unknown, code_used, code_expired."""
        return await self._call(ChatView, "POST", "/v1/chats/bind", body=bind)

    async def migrate_chat(self, migrate: MigrateIn) -> ChatView:
        return await self._call(ChatView, "POST", "/v1/chats/migrate", body=migrate)

    async def link_staff(self, link: LinkIn) -> StaffView:
        """Raises 403 code_unknown, code_used, code_expired."""
        return await self._call(StaffView, "POST", "/v1/staff/link", body=link)

    async def start_link(self, staff_id: str) -> OneTimeCodeView:
        return await self._call(OneTimeCodeView, "POST", f"/v1/staff/{_part(staff_id)}/start-link")

    async def grids(self) -> list[GridView]:
        return (await self._call(_Grids, "GET", "/v1/grids")).root

    async def grid(self, code: str) -> GridView:
        return await self._call(GridView, "GET", f"/v1/grids/{_part(code)}")

    async def put_grid(self, grid: GridIn) -> GridView:
        return await self._call(GridView, "PUT", f"/v1/grids/{_part(grid.code)}", body=grid)

    async def catalogue(self, version: int | None = None) -> CatalogueView:
        return await self._call(CatalogueView, "GET", "/v1/catalogue", query={"version": version} if version else None)

    async def put_catalogue(self, catalogue: CatalogueIn) -> CatalogueView:
        return await self._call(CatalogueView, "PUT", "/v1/catalogue", body=catalogue)

    # ---- people
    async def tickets_of(self, handle: str) -> list[TicketView]:
        """What a person (channel:id) reported or joined, newest first."""
        answer = await self._call(TicketPage, "GET", f"/v1/people/{_part(handle)}/tickets")
        return answer.tickets

    async def forget(self, handle: str) -> int:
        """Make this person's reports anonymous; how many there were."""
        return (await self._call(Forgotten, "POST", f"/v1/people/{_part(handle)}/forget")).reports

    # ---- policy base
    async def changed_passages(self, version: int, cursor: str = "") -> PassagesView:
        """One page of what changed since `version` (-1: everything); see PassagesView."""
        query = {"version": version} | ({"cursor": cursor} if cursor else {})
        return await self._call(PassagesView, "GET", "/v1/knowledge/passages", query=query)

    async def add_documents(self, documents: DocumentsIn) -> KnowledgeView:
        return await self._call(KnowledgeView, "POST", "/v1/knowledge/documents", body=documents)

    async def queue_question(self, question: QuestionIn) -> QuestionView:
        """Refused or answered badly: for a person to answer."""
        return await self._call(QuestionView, "POST", "/v1/knowledge/questions", body=question)

    async def vote(self, vote: VoteIn) -> VotesView:
        return await self._call(VotesView, "POST", "/v1/knowledge/votes", body=vote)

    # ---- how it is sent
    async def _call(self, shape: type[_T], method: str, path: str, **how: Any) -> _T:
        answer = await self._send(method, path, **how)
        try:
            return shape.model_validate_json(answer.content, extra="ignore")  # a newer API may say more
        except ValidationError as error:
            raise IntakeError("unreadable_answer", status=answer.status_code, detail=f"{method} {shape.__name__}") from error

    async def _send(
        self,
        method: str,
        path: str,
        *,
        body: BaseModel | None = None,
        query: Mapping[str, Any] | None = None,
        files: Mapping[str, Any] | None = None,
        fields: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        sent = {**self._headers, **(headers or {})}
        content = None
        if body is not None:
            sent["Content-Type"], content = "application/json", body.model_dump_json().encode()
        try:
            answer = await self._http.request(
                method, self._base + path, params=query, content=content, files=files, data=fields, headers=sent
            )
        except httpx.TimeoutException as error:
            raise IntakeError("timeout", retryable=True, detail=type(error).__name__) from error
        except httpx.HTTPError as error:
            raise IntakeError("unreachable", retryable=True, detail=type(error).__name__) from error
        if answer.is_success:
            return answer
        raise _error_of(answer)


def _part(value: str) -> str:
    return quote(value, safe="")


def _error_of(answer: httpx.Response) -> IntakeError:
    try:
        problem = Problem.model_validate_json(answer.content)
    except ValidationError:  # a proxy in between answered
        return IntakeError(f"http_{answer.status_code}", status=answer.status_code, retryable=answer.status_code >= 500)
    return IntakeError(problem.code, status=problem.status, retryable=problem.retryable, detail=problem.detail)
