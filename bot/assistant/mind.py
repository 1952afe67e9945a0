"""Hears a message, learns an event, wakes for what is due: the same code in production and in replay."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import structlog

from bot.assistant.commands import command, welcome
from bot.assistant.due import ring
from bot.assistant.incidents import hear_of, known_incident
from bot.assistant.memory import ChatMemory, matter_from_ticket, moved
from bot.assistant.presses import press
from bot.assistant.progress import learn, place_of, warn_of_surge
from bot.assistant.questions import tell_answer
from bot.assistant.talk import hear_talk
from bot.assistant.turn import Outcome, Ports, Turn, role_of
from bot.channels.contract import ChatMessage, Sender
from intake_api.client import IntakeError
from intake_api.contracts import ChatView, IncidentTold, MigrateIn, News, QuestionAnswered, SurgeTold

log = structlog.get_logger()

HANDLED_KEPT = 200
CHAT_CACHED = timedelta(seconds=60)


class Mind:
    """One call at a time for one chat (the worker's lanes see to it); any number of chats at once."""

    def __init__(self, ports: Ports) -> None:
        self.ports = ports
        self._chats: dict[str, tuple[datetime, ChatView]] = {}

    async def hear(self, message: ChatMessage) -> Outcome:
        """React to one thing heard. A key that was handled before does nothing.

        Raises IntakeError with `retryable` when the API is away: hear the same message again later, nothing is done twice.
        """
        if message.kind == "migrated":
            await self._migrate(message)
            return Outcome()
        chat_key = f"{message.channel}:{message.chat_id}"
        if message.kind == "left":
            await self.ports.memory.drop(chat_key)
            return Outcome()
        memory = await self._memory_of(message)
        if message.key in memory.handled:
            return Outcome()
        turn = await self._turn(message, memory)
        async with self._kept(chat_key, memory):
            await self._react(turn)
            memory.handled = [*memory.handled, message.key][-HANDLED_KEPT:]
            memory.forget_old(turn.now)
        return turn.outcome

    async def _react(self, turn: Turn) -> None:
        kind = turn.message.kind
        if turn.chat.settings.off:
            return
        if kind == "press":
            await press(turn)
        elif kind == "command":
            await command(turn)
        elif kind == "welcome":
            await welcome(turn)
        else:
            await hear_talk(turn)
        if kind in ("command", "welcome"):
            self._chats.pop(f"{turn.message.channel}:{turn.message.chat_id}", None)

    @asynccontextmanager
    async def _kept(self, chat_key: str, memory: ChatMemory) -> AsyncIterator[None]:
        """Save the memory when the turn is over; after a failure go back to the last save, so that a second try starts clean."""
        try:
            yield
            await self.ports.memory.save(chat_key, memory)
        except BaseException:
            self.ports.memory.forget(chat_key)
            raise

    async def learn(self, event: News) -> None:
        """News of the API for one chat."""
        turn = await self._quiet_turn(event.channel, event.chat_id, event.audience != "group")
        async with self._kept(f"{event.channel}:{event.chat_id}", turn.memory):
            if turn.chat.settings.off:
                return
            if isinstance(event, QuestionAnswered):
                await tell_answer(turn, event)
            elif isinstance(event, SurgeTold):
                await warn_of_surge(turn, event)
            elif isinstance(event, IncidentTold):
                await hear_of(turn, event)
            else:
                await learn(turn, event)

    async def wake(self, channel: str, chat_id: str) -> None:
        """Do what has become due in this chat."""
        turn = await self._quiet_turn(channel, chat_id, private=False)
        due = [t for t in turn.memory.timers if t.at <= turn.now]
        if not due:
            return
        async with self._kept(f"{channel}:{chat_id}", turn.memory):
            for timer in due:
                try:
                    await ring(turn, timer)
                except IntakeError as error:
                    if error.retryable:
                        raise
                    log.warning("timer.dropped", what=timer.what, code=error.code)
            turn.memory.timers = [t for t in turn.memory.timers if t not in due]

    async def next_due(self, channel: str, chat_id: str) -> datetime | None:
        memory = await self.ports.memory.load(f"{channel}:{chat_id}")
        return min((t.at for t in memory.timers), default=None) if memory else None

    async def _turn(self, message: ChatMessage, memory: ChatMemory) -> Turn:
        now = self.ports.clock()
        home = memory.home_chat = message.home_chat or memory.home_chat
        chat = await self._chat(message.channel, home if message.chat_kind == "private" and home else message.chat_id, now)
        return Turn(message=message, memory=memory, chat=chat, role=role_of(message, chat), now=now, ports=self.ports)

    async def _quiet_turn(self, channel: str, chat_id: str, private: bool) -> Turn:
        """A turn that nobody's message began."""
        message = ChatMessage(
            channel=channel, chat_id=chat_id, message_id="", sender=Sender(id=""), at=self.ports.clock(),
            chat_kind="private" if private else "group",
        )  # fmt: skip
        return await self._turn(message, await self._memory_of(message))

    async def _chat(self, channel: str, chat_id: str, now: datetime) -> ChatView:
        key = f"{channel}:{chat_id}"
        kept = self._chats.get(key)
        if kept is not None and timedelta() <= now - kept[0] <= CHAT_CACHED:
            return kept[1]
        try:
            view = await self.ports.intake.chat(channel, chat_id)
        except IntakeError as error:
            if error.retryable and kept is not None:
                return kept[1]  # an emergency is guided while the API is away
            raise
        self._chats[key] = (now, view)
        return view

    async def _memory_of(self, message: ChatMessage) -> ChatMemory:
        """The chat's memory; where there is none, its open matters are rebuilt from the API (OP4)."""
        chat_key = f"{message.channel}:{message.chat_id}"
        memory = await self.ports.memory.load(chat_key)
        if memory is None:
            memory = ChatMemory()
            if message.chat_kind == "group":
                for ticket in await self.ports.intake.open_tickets(message.channel, message.chat_id):
                    matter = memory.matters[ticket.id] = matter_from_ticket(ticket, place_of(ticket))
                    matter.carded = not ticket.delicate
                incidents = await self.ports.intake.open_incidents(message.channel, message.chat_id)
                memory.incidents = {one.id: known_incident(one) for one in incidents}
        return memory

    async def _migrate(self, message: ChatMessage) -> None:
        """CH11: binding, open matters and memory follow the group to its new id. Twice is the same as once."""
        channel, old, new = message.channel, message.chat_id, message.moved_to
        await self.ports.intake.migrate_chat(MigrateIn(channel=channel, from_chat_id=old, to_chat_id=new))
        memory = await self.ports.memory.load(f"{channel}:{old}")
        if memory is not None:
            begun = await self.ports.memory.load(f"{channel}:{new}")
            await self.ports.memory.save(f"{channel}:{new}", moved(memory, begun, new))
        await self.ports.memory.drop(f"{channel}:{old}")
        self._chats.pop(f"{channel}:{old}", None)
        self._chats.pop(f"{channel}:{new}", None)
