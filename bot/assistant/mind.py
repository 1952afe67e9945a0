"""Hears a message, learns an event, wakes for what is due: the same code in production and in replay."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from bot.assistant.commands import command, welcome
from bot.assistant.filing import place_question, show_card
from bot.assistant.memory import ChatMemory, Timer, matter_from_ticket
from bot.assistant.presses import press
from bot.assistant.progress import learn, place_of, remember_ticket
from bot.assistant.talk import hear_talk
from bot.assistant.turn import Outcome, Ports, Turn, role_of
from bot.channels.contract import ChatMessage, Sender, Speech
from intake_api.contracts import ChatView, Event, MigrateIn

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
        memory = await self._memory_of(message)
        if message.key in memory.handled:
            return Outcome()
        turn = await self._turn(message, memory)
        if message.kind == "left":
            await self.ports.memory.drop(chat_key)
            return turn.outcome
        if message.kind == "press":
            await press(turn)
        elif message.kind == "command":
            await command(turn)
        elif message.kind == "welcome":
            await welcome(turn)
        else:
            await hear_talk(turn)
        if message.kind in ("command", "welcome"):
            self._chats.pop(chat_key, None)
        memory.handled = [*memory.handled, message.key][-HANDLED_KEPT:]
        memory.forget_old(turn.now)
        await self.ports.memory.save(chat_key, memory)
        return turn.outcome

    async def learn(self, event: Event) -> None:
        """An event of the API for one chat."""
        turn = await self._quiet_turn(event.channel, event.chat_id, event.audience != "group")
        await learn(turn, event)
        await self.ports.memory.save(f"{event.channel}:{event.chat_id}", turn.memory)

    async def wake(self, channel: str, chat_id: str) -> None:
        """Do what has become due in this chat."""
        turn = await self._quiet_turn(channel, chat_id, private=False)
        due = [t for t in turn.memory.timers if t.at <= turn.now]
        if not due:
            return
        for timer in due:
            await self._ring(turn, timer)
        turn.memory.timers = [t for t in turn.memory.timers if t not in due]
        await self.ports.memory.save(f"{channel}:{chat_id}", turn.memory)

    async def next_due(self, channel: str, chat_id: str) -> datetime | None:
        memory = await self.ports.memory.load(f"{channel}:{chat_id}")
        return min((t.at for t in memory.timers), default=None) if memory else None

    async def _ring(self, turn: Turn, timer: Timer) -> None:
        if timer.what == "say_later":
            await self.ports.voice.say(Speech.model_validate_json(timer.speech))
            return
        matter = turn.memory.matters.get(timer.ticket)
        if matter is None or matter.carded:
            return
        ticket = await self.ports.intake.ticket(timer.ticket)
        matter = remember_ticket(turn, ticket)
        question = place_question(turn, ticket.category) if matter.place.is_empty() else ""
        for awaited in turn.memory.awaited:
            if awaited.ticket == ticket.id:
                awaited.asked = awaited.asked or bool(question and not turn.in_group)
        turn.message = turn.message.model_copy(update={"message_id": matter.reply_to})
        await show_card(turn, ticket, matter, key=f"asked:{ticket.id}", question=question)

    async def _turn(self, message: ChatMessage, memory: ChatMemory) -> Turn:
        now = self.ports.clock()
        home = message.home_chat or memory.home_chat
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
        if kept is None or now - kept[0] > CHAT_CACHED or now < kept[0]:
            kept = self._chats[key] = (now, await self.ports.intake.chat(channel, chat_id))
        return kept[1]

    async def _memory_of(self, message: ChatMessage) -> ChatMemory:
        """The chat's memory; where there is none, its open matters are rebuilt from the API (OP4)."""
        chat_key = f"{message.channel}:{message.chat_id}"
        memory = await self.ports.memory.load(chat_key)
        if memory is None:
            memory = ChatMemory()
            if message.chat_kind == "group":
                for ticket in await self.ports.intake.open_tickets(message.channel, message.chat_id):
                    memory.matters[ticket.id] = matter_from_ticket(ticket, place_of(ticket))
        return memory

    async def _migrate(self, message: ChatMessage) -> None:
        """CH11: binding, open matters and memory follow the group to its new id. Twice is the same as once."""
        channel, old, new = message.channel, message.chat_id, message.moved_to
        await self.ports.intake.migrate_chat(MigrateIn(channel=channel, from_chat_id=old, to_chat_id=new))
        memory = await self.ports.memory.load(f"{channel}:{old}")
        if memory is not None and await self.ports.memory.load(f"{channel}:{new}") is None:
            await self.ports.memory.save(f"{channel}:{new}", memory)
        await self.ports.memory.drop(f"{channel}:{old}")
        self._chats.pop(f"{channel}:{old}", None)
        self._chats.pop(f"{channel}:{new}", None)
