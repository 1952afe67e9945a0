"""A question: answered from a document with its source, or handed to a person; nothing is made up."""

from __future__ import annotations

import hashlib
from datetime import timedelta

from bot.assistant.evidence import fetch_media
from bot.assistant.filing import Telling, report_of, show_card
from bot.assistant.progress import remember_ticket
from bot.assistant.turn import Turn
from bot.wording import say
from nlp.schema import Understanding

# FQ10: the same answer is not given twice in this time; later askers are pointed to it
ANSWER_AGAIN = timedelta(minutes=30)
# a question nobody could answer becomes a 咨询 ticket only when it surely is one (tuned on the training transcripts)
ENQUIRY_MIN = 0.6


async def answer(turn: Turn, u: Understanding) -> None:
    """FQ1–FQ3, FQ8, FQ10: the passage with its source, once; otherwise a person answers, never an improvisation."""
    grid = turn.chat.grid
    area = "/".join(part for part in (grid.district, grid.street, grid.community) if part) if grid else ""
    found = await turn.ports.policy.answer(u.masked.text, today=turn.now.astimezone(turn.ports.zone).date(), area=area)
    if found is None:
        if u.kind_confidence >= ENQUIRY_MIN:
            await _file_enquiry(turn, u)
        return
    mark = hashlib.sha256(f"{found.citation.doc}|{found.citation.quote}".encode()).hexdigest()[:16]
    given = turn.memory.answered.get(mark)
    c = found.citation
    source = say(
        "policy/source",
        title=c.title,
        number=c.number,
        clause=f"，{c.clause}" if c.clause else "",
        date=f"，{c.date}" if c.date else "",
    )
    lines = [say("policy/answer", text=found.text, source=source), c.link]
    words = say("policy/again") if given and turn.now - given < ANSWER_AGAIN else "\n".join(line for line in lines if line)
    if await turn.say(words, key=f"answer:{turn.message.key}"):
        turn.memory.answered.setdefault(mark, turn.now)


async def _file_enquiry(turn: Turn, u: Understanding) -> None:
    """FQ8: nothing in the base is good enough, so a person answers: a 咨询 ticket."""
    telling = Telling(u.masked.text, u.category, u.place, None)
    receipt = await turn.ports.intake.create_report(report_of(turn, u, telling))
    matter = remember_ticket(turn, receipt.ticket)
    matter.add(turn.message.message_id, turn.person, u.masked.text, turn.message.at)
    turn.outcome.matters.append(matter.id)
    await fetch_media(turn, matter.id)
    words = say("ack/enquiry", number=receipt.ticket.number)
    await show_card(turn, receipt.ticket, matter, key=f"ack:{turn.message.key}:0", words=words)
