"""A stage whose intake API is the real one: what residents, workers and the API do to each other, in one process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select

from bot.assistant.mind import Mind
from bot.bench.installation import sample_grid
from bot.channels.contract import Button, Speech
from intake_api.app import create_app
from intake_api.client import IntakeClient
from intake_api.contracts import NEWS, Act, ChatSettings, GridIn, TicketDetail
from intake_api.grids.service import bind_chat, put_grid, put_settings
from intake_api.outbox.tables import Outbox
from intake_api.settings import Settings
from tests.flows.stage import GROUP, Stage

TOKEN = "a-token-of-our-own-processes"
STAFF = {"micro": ["web:w2"], "grid": ["web:w1"], "community": ["web:c1"]}


@dataclass
class Town(Stage):
    """The stage with the whole API behind it. `pump` brings the assistant everything the API has to tell."""

    app: FastAPI = field(default_factory=FastAPI)
    client: IntakeClient = field(default_factory=lambda: IntakeClient("http://intake.test", TOKEN))
    grid: GridIn = field(default_factory=lambda: sample_grid(staff_handles=STAFF))
    told: int = 0

    async def open(self) -> Town:
        async with self.app.state.db.writing() as session:
            await put_grid(session, self.grid, self.now)
            for chat in (GROUP, "g2"):
                await bind_chat(session, self.grid.code, "web", chat, chat, "test", self.now)
                await put_settings(session, "web", chat, ChatSettings(quiet_from=0, quiet_to=0))
        self.mind = Mind(replace(self.mind.ports, intake=self.client))
        return self

    async def pump(self) -> list[Speech]:
        """What is said because of the API's news."""
        said = len(self.voice.said)
        async with self.app.state.db.reading() as session:
            rows = list(await session.scalars(select(Outbox).where(Outbox.kind == "chat", Outbox.seq > self.told).order_by(Outbox.seq)))
        for row in rows:
            self.told = row.seq
            words = self.app.state.vault.open(row.event) if row.sealed else row.event
            await self.mind.learn(NEWS.validate_json(words))
        return self.speeches(said)

    async def hear(self, who: str, text: str = "", **more: Any) -> list[Speech]:
        """Say something and let everything happen that follows from it."""
        return [*await self.say(who, text, **more), *await self.pump()]

    async def privately(self, who: str, text: str = "", **more: Any) -> list[Speech]:
        return await self.hear(who, text, chat_kind="private", chat_id=who, home_chat=GROUP, **more)

    async def press(self, who: str, button: Button, chat: str = "") -> list[Speech]:
        where: dict[str, Any] = {"chat_id": chat} if chat else {"chat_id": who, "chat_kind": "private", "home_chat": GROUP}
        return await self.hear(who, kind="press", action=button.action, **where)

    async def act(self, ticket_id: str, act: Act) -> list[Speech]:
        await self.client.act(ticket_id, act)
        return await self.pump()

    async def only_ticket(self) -> TicketDetail:
        (ticket,) = (await self.client.tickets()).tickets
        return await self.client.ticket(ticket.id)


def button(speech: Speech, label: str) -> Button:
    """The button with these words on it."""
    return next(b for row in speech.buttons for b in row if label in b.label)


def to(chat: str, said: list[Speech]) -> list[Speech]:
    return [speech for speech in said if speech.chat_id == chat]


@pytest.fixture
async def town(sqlite_url: str, tmp_path: Any) -> AsyncIterator[Town]:
    settings = Settings(
        data_dir=tmp_path, database_url=sqlite_url, redis_url="redis://127.0.0.1:1/0", api_token=TOKEN, secret_key="for tests only"
    )
    stage = Town()
    app = create_app(settings, now=lambda: stage.now)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=httpx.ASGITransport(app)) as http:
        stage.app, stage.client = app, IntakeClient("http://intake.test", TOKEN, http)
        yield await stage.open()
