"""One turn: a thing heard in a chat, what is known around it, and the manners under which anything is said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import structlog

from bot.assistant.memory import ChatMemory, Memory, Timer
from bot.assistant.phrasing import Phrasing
from bot.assistant.ports import Intake, PolicyDesk, Voice
from bot.channels.contract import Button, ChatMessage, Speech
from bot.wording import say
from intake_api.contracts import ChatView, GridView, ReporterIn, TicketView
from nlp.pipeline import Understander
from nlp.schema import STAFF_ROLES, Estate, Gazetteer, Kind, Role, Understanding
from nlp.taxonomy import Taxonomy

log = structlog.get_logger()

# CH2: one speech budget per group; emergencies and edits of a standing card do not count
BUDGET = 12
BUDGET_WINDOW = timedelta(minutes=10)
# CH13: more than this from one sender in a minute is a flood: still read and filed, no longer answered one by one
FLOOD = 12


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything outside the mind, the same in production and in replay. `clock` is replay's own time there."""

    understander: Understander
    taxonomy: Taxonomy
    memory: Memory
    intake: Intake
    voice: Voice
    policy: PolicyDesk
    clock: Callable[[], datetime]
    zone: ZoneInfo
    phrasing: Phrasing | None = None
    private_link: Callable[[str, str], str] = lambda channel, chat_id: ""


@dataclass(slots=True)
class Outcome:
    """What was made of one message: the fields `minhu replay` writes. `kind`: what it most likely is, though in doubt it was filed as a
    report; `emergency`: it raised the alarm; a matter is alarmed once."""

    kind: Kind = "chat"
    matters: list[str] = field(default_factory=list)
    category: str | None = None
    confidence: float = 0.0
    emergency: bool = False
    spoke: bool = False
    say: str = ""
    understanding: Understanding | None = None


@dataclass(slots=True)
class Turn:
    """`role` is what the sender is in this grid; `memory` is this chat's, saved by the mind when the turn is over."""

    message: ChatMessage
    memory: ChatMemory
    chat: ChatView
    role: Role
    now: datetime
    ports: Ports
    outcome: Outcome = field(default_factory=Outcome)
    flooded: bool = False

    @property
    def person(self) -> str:
        return f"{self.message.channel}:{self.message.sender.id}"

    @property
    def gazetteer(self) -> Gazetteer:
        return gazetteer_of(self.chat.grid)

    @property
    def is_staff(self) -> bool:
        return self.role in STAFF_ROLES

    @property
    def in_group(self) -> bool:
        return self.message.chat_kind == "group"

    def reporter(self, household: str = "") -> ReporterIn:
        sender = self.message.sender
        return ReporterIn(channel=self.message.channel, handle=sender.id, name=sender.name[:200], role=self.role, household=household[:100])

    def speech(
        self, text: str, *, key: str, buttons: tuple[tuple[Button, ...], ...] = (), card_id: str = "", version: int = 0,
        urgent: bool = False, reply: bool = True, drawn: TicketView | None = None,
    ) -> Speech:  # fmt: skip
        """What `say` says."""
        return Speech(
            key=key,
            channel=self.message.channel,
            chat_id=self.message.chat_id,
            thread_id=self.message.thread_id,
            text=text,
            buttons=buttons,
            reply_to=self.message.message_id if reply else "",
            card_id=card_id,
            version=version,
            urgent=urgent,
            heard_at=self.message.at,
            state=drawn.state if drawn else "",
            urgency=drawn.urgency if drawn else "",
        )

    async def say(
        self,
        text: str,
        *,
        key: str,
        buttons: tuple[tuple[Button, ...], ...] = (),
        card_id: str = "",
        version: int = 0,
        urgent: bool = False,
        asked: bool = False,
        owed: bool = False,
        later: bool = True,
        reply: bool = True,
        drawn: TicketView | None = None,
    ) -> bool:
        """Say it in this chat under its manners (mute, quiet hours, budget). False when the manners kept it back.

        `urgent`: an emergency. `asked`: somebody addressed the assistant outright and is owed an answer at any hour. `owed`: news
        that is told once, so the budget does not hold it back. `later`: what quiet hours keep back is said in the morning.
        `drawn`: the ticket whose state and urgency a card shows.
        """
        speech = self.speech(text, key=key, buttons=buttons, card_id=card_id, version=version, urgent=urgent, reply=reply, drawn=drawn)
        if not asked and not self._may_speak(speech, owed=owed, later=later):
            return False
        await self.ports.voice.say(speech)
        self.outcome.spoke, self.outcome.say = True, text
        return True

    def kept_until(self, key: str) -> datetime | None:
        """When the night's end lets this speech be said; None where it does not wait."""
        waiting = (timer for timer in self.memory.timers if timer.what == "say_later")
        return next((timer.at for timer in waiting if Speech.model_validate_json(timer.speech).key == key), None)

    def _may_speak(self, speech: Speech, *, owed: bool, later: bool) -> bool:
        if not self.in_group:
            return True
        settings = self.chat.settings
        if settings.muted:
            return False
        if speech.urgent:
            return True
        if self.flooded:
            return False
        if in_quiet_hours(self.now.astimezone(self.ports.zone), settings.quiet_from, settings.quiet_to):
            if later:
                morning = quiet_end(self.now.astimezone(self.ports.zone), settings.quiet_to)
                self.memory.timers.append(Timer(at=morning, what="say_later", speech=speech.model_dump_json()))
            return False
        self.memory.spoke_at = [t for t in self.memory.spoke_at if self.now - t < BUDGET_WINDOW]
        if len(self.memory.spoke_at) >= BUDGET and not owed:
            log.info("speech.kept_back", why="budget", key=speech.key)
            return False
        self.memory.spoke_at.append(self.now)
        return True


def in_quiet_hours(local: datetime, start: int, end: int) -> bool:
    """Hours are local; the span may run over midnight; equal hours mean no quiet time."""
    if start == end:
        return False
    return start <= local.hour < end if start < end else local.hour >= start or local.hour < end


def quiet_end(local: datetime, end: int) -> datetime:
    """The next local time at which the quiet hours end."""
    today = local.replace(hour=end, minute=0, second=0, microsecond=0)
    return today if today > local else today + timedelta(days=1)


async def heed_flood(turn: Turn) -> None:
    """CH13: who says very much in a minute is told so once; `flooded` keeps further answers back."""
    recent = [t for t in turn.memory.floods.get(turn.person, ()) if turn.now - t < timedelta(minutes=1)] + [turn.now]
    turn.memory.floods[turn.person] = recent
    if len(recent) == FLOOD + 1 and turn.in_group:
        await turn.say(say("group/flood"), key=f"flood:{turn.message.key}")
    turn.flooded = len(recent) > FLOOD


def gazetteer_of(grid: GridView | None) -> Gazetteer:
    """A grid as the language rooms want it; empty where a chat is not bound."""
    if grid is None:
        return Gazetteer()
    return Gazetteer(
        grid=grid.code, name=grid.name, estates=tuple(Estate(e.name, tuple(e.aliases)) for e in grid.estates), spots=tuple(grid.spots),
        roads=tuple(grid.roads), aliases=dict(grid.aliases), official_phones=tuple(grid.official_phones),
    )  # fmt: skip


def role_of(message: ChatMessage, chat: ChatView) -> Role:
    """The roster decides; where it is silent, what the channel says; else a resident."""
    handle = f"{message.channel}:{message.sender.id}"
    for person in chat.grid.staff if chat.grid else ():
        if handle in person.handles:
            return person.role
    return message.sender.role or "resident"
