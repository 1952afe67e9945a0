"""A stage for conversations: the real mind with shipped models; the intake API and the voice are their twins in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from bot.assistant.local import LocalIntake, LocalVoice
from bot.assistant.memory import LocalMemory
from bot.assistant.mind import Mind
from bot.assistant.phrasing import Phrasing
from bot.assistant.ports import NoPolicy, PolicyDesk
from bot.assistant.turn import Outcome, Ports
from bot.bench.installation import sample_grid
from bot.channels.contract import ChatMessage, Media, Sender, Speech
from bot.settings import SHIPPED_MODELS
from intake_api.contracts import ChatSettings, ChatView, GridView
from nlp.pipeline import Understander, load_understander
from nlp.taxonomy import load_taxonomy

ZONE = ZoneInfo("Asia/Shanghai")
START = datetime(2026, 6, 2, 9, 0, tzinfo=ZONE)
GROUP = "g"


@dataclass
class Stage:
    """`say` speaks as somebody in the group and gives what the assistant said because of it (and of what became due before)."""

    understander: Understander = field(default_factory=lambda: load_understander(SHIPPED_MODELS))
    settings: ChatSettings = field(default_factory=ChatSettings)
    policy: PolicyDesk = field(default_factory=NoPolicy)
    bound: bool = True
    phrasing: Phrasing | None = None

    def __post_init__(self) -> None:
        self.now = START
        self.voice = LocalVoice()
        staff = {"grid": ["web:w1"], "micro": ["web:w2"]}
        grid = GridView.model_validate(sample_grid(staff_handles=staff).model_dump()) if self.bound else None
        chat = ChatView(channel="web", chat_id=GROUP, grid=grid, settings=self.settings)
        taxonomy = load_taxonomy()
        self.intake = LocalIntake(taxonomy, {f"web:{GROUP}": chat})
        self.memory = LocalMemory()
        self.mind = Mind(
            Ports(
                understander=self.understander, taxonomy=taxonomy, memory=self.memory, intake=self.intake, voice=self.voice,
                policy=self.policy, clock=lambda: self.now, zone=ZONE, phrasing=self.phrasing,
            )
        )  # fmt: skip
        self.n = 0
        self.outcome = Outcome()

    async def say(self, who: str, text: str = "", *, name: str = "", after_s: float = 20, **more: Any) -> list[Speech]:
        """`more`: media (a kind), reply_to, kind, message_id, chat_kind … as in ChatMessage."""
        said = len(self.voice.said)
        await self.wait(after_s)
        self.n += 1
        media = more.pop("media", None)
        message = ChatMessage.model_validate(
            {
                "channel": "web",
                "chat_id": GROUP,
                "message_id": f"m{self.n}",
                "sender": Sender(id=who, name=name or who),
                "at": self.now,
                "text": text,
                "media": (
                    Media(
                        kind=media,
                        ref="x" if media != "location" else "",
                        **({"lat": 30.25, "long": 120.15} if media == "location" else {}),
                    ),
                )
                if media
                else (),
                **more,
            }
        )
        self.outcome = await self.mind.hear(message)
        return self.speeches(said)

    async def wait(self, seconds: float) -> list[Speech]:
        """Let time pass; what becomes due in the meantime happens."""
        said, until = len(self.voice.said), self.now + timedelta(seconds=seconds)
        while (due := await self.mind.next_due("web", GROUP)) is not None and due <= until:
            self.now = max(self.now, due)
            await self.mind.wake("web", GROUP)
        self.now = until
        return self.speeches(said)

    def speeches(self, since: int = 0) -> list[Speech]:
        return [s for s in self.voice.said[since:] if isinstance(s, Speech)]

    @property
    def tickets(self) -> list[Any]:
        return list(self.intake.tickets.values())
