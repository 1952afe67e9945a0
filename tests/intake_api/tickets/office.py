"""A small office for tests: a grid with its roster, a clock that is moved by hand, and short words for what people do."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import select

from intake_api.catalogue.service import ensure_default
from intake_api.contracts import Act, Event, GridIn, Receipt, ReportIn, StaffIn, SupplementIn
from intake_api.db import Database
from intake_api.grids.service import put_grid
from intake_api.outbox.tables import Outbox
from intake_api.security import Area, Principal
from intake_api.settings import Settings
from intake_api.tickets import queries, service
from intake_api.tickets.tables import History, Message, Reporter, Ticket
from intake_api.vault import Vault

START = datetime(2026, 6, 2, 1, 0, tzinfo=UTC)  # a Tuesday, nine o'clock in the grid
ASSISTANT = Principal("service", "assistant", "assistant", "service", scopes=frozenset({"assistant"}))
ADMINISTRATOR = Principal("person", "root", "管理员", "administrator")
GRID = "g1"
ANSWER = "已更换三号楼二单元门机控制板，试运行正常。"
_ACTS: TypeAdapter[Act] = TypeAdapter(Act)


def person(role: Any, name: str = "", **area: str) -> Principal:
    """Somebody signed in on the console."""
    return Principal("person", name or role, name or role, role, Area(**area))


GRID_WORKER = person("grid", grid=GRID)
COMMUNITY = person("community", community="梧桐社区", street="梧桐街道")
STREET = person("street", street="梧桐街道")


def department(unit: str) -> Principal:
    return person("department", unit=unit)


def grid(code: str = GRID, **fields: Any) -> GridIn:
    base: dict[str, Any] = {
        "code": code,
        "name": f"{code}网格",
        "community": "梧桐社区",
        "street": "梧桐街道",
        "district": "城东区",
        "staff": [
            StaffIn(id=f"{code}-m", name="小周", role="micro_worker", order=1, handles=["web:m1"] if code == GRID else []),
            StaffIn(id=f"{code}-g", name="老陈", role="grid_worker", order=2, handles=["web:w1"] if code == GRID else []),
            StaffIn(id=f"{code}-c", name="李主任", role="community", order=3, handles=["web:c1"] if code == GRID else []),
        ],
    }
    return GridIn(**(base | fields))


class Office:
    """One database and one clock. Every method is one transaction, as one request would be."""

    def __init__(self, db: Database, settings: Settings | None = None) -> None:
        self.db = db
        self.settings = settings or Settings(_env_file=None)  # type: ignore[call-arg]
        self.vault = Vault("a secret for tests only")
        self.now = START
        self.said = 0

    async def open(self) -> Office:
        async with self.db.writing() as session:
            await ensure_default(session, self.now)
            await put_grid(session, grid(), self.now)
            await put_grid(session, grid("g2", community="银杏社区", street="银杏街道"), self.now)
        return self

    def later(self, **span: float) -> None:
        self.now += timedelta(**span)

    @asynccontextmanager
    async def desk(self) -> AsyncIterator[service.Desk]:
        async with self.db.writing() as session:
            yield await service.open_desk(session, self.settings, self.vault, self.now)

    def report_in(self, **fields: Any) -> ReportIn:
        self.said += 1
        who = fields.pop("who", f"r{self.said}")
        judged = fields.pop("judged", {"category": "housing.elevator", "confidence": 0.97, "accepted": True, "model_version": "m1"})
        base: dict[str, Any] = {
            "external_id": f"web:group1:{self.said}",
            "channel": "web",
            "chat_id": "group1",
            "message_ids": [str(self.said)],
            "grid": GRID,
            "at": self.now - timedelta(seconds=2),
            "reporter": {"channel": "web", "handle": who},
            "text": "3栋2单元电梯又坏了，电话13800000000",
            "masked": "3栋2单元电梯又坏了，电话〔手机号〕",
            "place": {"estate": "桂花苑", "building": "3", "unit": "2"},
            "judgement": judged,
        }
        return ReportIn.model_validate_json(json.dumps(base | fields, default=str))

    async def report(self, report: ReportIn | None = None, **fields: Any) -> Receipt:
        async with self.desk() as desk:
            outcome, ticket, first = await service.create_report(desk, report or self.report_in(**fields))
            return Receipt(outcome=outcome, ticket=service.viewed(desk, ticket, ASSISTANT), first_of_person=first)

    async def add(self, ticket_id: str, who: str = "r1", **fields: Any) -> Ticket:
        self.said += 1
        base = {"external_id": f"web:group1:s{self.said}", "at": str(self.now), "reporter": {"channel": "web", "handle": who}}
        async with self.desk() as desk:
            return await service.add_supplement(desk, ticket_id, SupplementIn.model_validate_json(json.dumps(base | fields)))

    async def act(self, ticket_id: str, act: str, who: Principal = ASSISTANT, **fields: Any) -> Ticket:
        """Raises ProblemError when refused."""
        asked = _ACTS.validate_json(json.dumps({"act": act, **fields}, default=str))
        async with self.desk() as desk:
            ticket, _ = await service.perform(desk, ticket_id, asked, who)
            return ticket

    async def ticket(self, ticket_id: str) -> Ticket:
        async with self.db.reading() as session:
            found = await session.get(Ticket, ticket_id)
            assert found is not None
            return found

    async def rows(self, table: Any, *where: Any) -> list[Any]:
        async with self.db.reading() as session:
            return list(await session.scalars(select(table).where(*where)))

    async def history(self, ticket_id: str) -> list[History]:
        async with self.db.reading() as session:
            return await queries.history_of(session, ticket_id)

    async def people_of(self, ticket_id: str) -> set[str]:
        return {row.person for row in await self.rows(Reporter, Reporter.ticket_id == ticket_id)}

    async def messages_of(self, ticket_id: str) -> set[str]:
        return {row.external_id for row in await self.rows(Message, Message.ticket_id == ticket_id)}

    async def events(self, kind: str = "chat") -> list[Event]:
        """Everything put into the outbox so far, in order."""
        async with self.db.reading() as session:
            rows = list(await session.scalars(select(Outbox).where(Outbox.kind == kind).order_by(Outbox.seq)))
        return [Event.model_validate_json((self.vault.open(row.event) or "") if row.sealed else row.event) for row in rows]

    async def breaks(self) -> list[Any]:
        async with self.db.reading() as session:
            return await service.verify(session)

    async def dispatched(self, **fields: Any) -> str:
        """A confirmed lift report, with its lead unit at the community."""
        ticket_id = (await self.report(**fields)).ticket.id
        await self.act(ticket_id, "confirm", GRID_WORKER)
        return ticket_id

    async def in_callback(self, **fields: Any) -> str:
        ticket_id = await self.dispatched(**fields)
        await self.act(ticket_id, "sign", COMMUNITY)
        await self.act(ticket_id, "start", COMMUNITY)
        await self.act(ticket_id, "finish", COMMUNITY, closing_code="solved", public_reply=ANSWER)
        return ticket_id
