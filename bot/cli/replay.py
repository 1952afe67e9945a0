"""`minhu replay`: transcripts through the same assistant as production, with the transcript's own clock."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from bot.assistant.local import LocalIntake, LocalVoice
from bot.assistant.memory import ChatMemory, LocalMemory
from bot.assistant.mind import Mind
from bot.assistant.ports import NoPolicy
from bot.assistant.turn import Outcome, Ports
from bot.channels.contract import ChatMessage
from bot.channels.replay.channel import ReplayChannel
from bot.channels.replay.transcript import CHANNEL, Transcript, read_transcripts
from bot.cli.files import progress, write_whole
from bot.settings import BotSettings
from nlp.pipeline import Understander, load_understander
from nlp.taxonomy import load_taxonomy


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("input", type=Path, metavar="IN.jsonl", help="transcripts, one JSON object a line; gold answers are ignored")
    parser.add_argument("--out", type=Path, required=True, metavar="OUT.jsonl")


def run(options: argparse.Namespace) -> int:
    understander = load_understander(BotSettings().models_dir)
    transcripts = list(read_transcripts(options.input))

    def lines() -> Iterator[str]:
        for transcript in progress(transcripts, "replay"):
            yield json.dumps(asyncio.run(replay(transcript, understander)), ensure_ascii=False) + "\n"

    write_whole(options.out, lines())
    return 0


async def replay(transcript: Transcript, understander: Understander) -> dict[str, Any]:
    """One transcript → the line that `minhu replay` writes for it (format of DESIGN.md, "The command line")."""
    clock = {"now": transcript.messages[0].at if transcript.messages else datetime.now().astimezone()}
    taxonomy, chat = load_taxonomy(), transcript.chat()
    channel = ReplayChannel(transcript.id, transcript.heard())
    intake, memory = LocalIntake(taxonomy, {f"{CHANNEL}:{transcript.id}": chat}), LocalMemory()
    ports = Ports(
        understander=understander, taxonomy=taxonomy, memory=memory, intake=intake, voice=LocalVoice(channel), policy=NoPolicy(),
        clock=lambda: clock["now"], zone=ZoneInfo("Asia/Shanghai"),
    )  # fmt: skip
    mind, outcomes = Mind(ports), {}

    class Listener:
        """The ear: lets the transcript's time pass, then the mind hear."""

        async def heard(self, message: ChatMessage) -> bool:
            while (due := await mind.next_due(CHANNEL, transcript.id)) is not None and due <= message.at:
                clock["now"] = due
                await mind.wake(CHANNEL, transcript.id)
            clock["now"] = max(clock["now"], message.at)
            outcomes[message.message_id] = await mind.hear(message)
            return True

    await channel.hear(Listener())
    known = await memory.load(f"{CHANNEL}:{transcript.id}") or ChatMemory()
    return {
        "id": transcript.id,
        "messages": [_message(i, outcome, intake, known) for i, outcome in outcomes.items()],
        "matters": [_matter(t.id, intake, outcomes, known) for t in intake.tickets.values()],
    }


def _message(message_id: str, outcome: Outcome, intake: LocalIntake, known: ChatMemory) -> dict[str, Any]:
    # an earlier fragment of a burst is told its matter only by the report that takes it along
    later = [m.id for m in known.matters.values() if message_id in m.message_ids]
    matters = outcome.matters or later
    return {
        "id": message_id,
        "kind": outcome.kind,
        "matters": matters,
        "category": _category(outcome, matters, intake),
        "confidence": round(outcome.confidence, 4),
        "emergency": outcome.emergency,
        "spoke": outcome.spoke,
        "say": outcome.say,
    }


def _category(outcome: Outcome, matters: list[str], intake: LocalIntake) -> str | None:
    """What the message is about: its own words where they are clear, else the matter it belongs to ("我家也是")."""
    said = outcome.understanding.category if outcome.understanding else None
    if said is not None and said.accepted:
        return said.best
    if matters and matters[0] in intake.tickets:
        return intake.tickets[matters[0]].category
    return outcome.category


def _matter(ticket_id: str, intake: LocalIntake, outcomes: dict[str, Outcome], known: ChatMemory) -> dict[str, Any]:
    ticket, remembered = intake.tickets[ticket_id], known.matters.get(ticket_id)
    told = [i for i, outcome in outcomes.items() if ticket_id in outcome.matters]
    place = remembered.place if remembered else ticket.place
    return {
        "id": ticket_id,
        "category": ticket.category,
        "emergency": ticket.urgency == "emergency",
        "place": {f: getattr(place, f) for f in ("estate", "building", "unit", "room", "floor", "road", "spot")},
        "messages": told,
        "title": ticket.title,
        "reporters": ticket.affected_people,
    }
