"""A question: answered from a document with its source, or handed to a person; nothing is made up."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from functools import partial

from bot.assistant import questions
from bot.assistant.evidence import fetch_media
from bot.assistant.filing import Telling, report_of, to_private
from bot.assistant.incidents import point_to_incident
from bot.assistant.phrasing import Sentence
from bot.assistant.ports import Voice
from bot.assistant.progress import remember_ticket, show_card
from bot.assistant.turn import Turn
from bot.channels.contract import Speech
from bot.wording import say
from nlp.readings import is_elliptic, may_ask
from nlp.retrieve import cite
from nlp.schema import Answer, Citation, Passage, Understanding
from nlp.terms import fold

# FQ10: the same answer is not given twice in this time; later askers are pointed to it
ANSWER_AGAIN = timedelta(minutes=30)
# a question nobody could answer becomes a 咨询 ticket only when it surely is one (tuned on the training transcripts)
ENQUIRY_MIN = 0.6
# from here on words are answered that were not taken for a question: none of 200 lines of group chat reach it
SURE = 0.9
_ENDS = "。！？；!?;"


async def answer(turn: Turn, u: Understanding) -> None:
    """FQ1–FQ3, FQ8, FQ10: the passage with its source, once; otherwise a person answers, never an improvisation."""
    thread = questions.thread_of(turn)
    found = await _find(turn, u, thread)
    if found is not None:
        await _give(turn, u, found)
    elif not turn.is_staff and await point_to_incident(turn, u):
        return
    elif u.kind_confidence >= ENQUIRY_MIN and (thread or not is_elliptic(u.masked.text)):
        await _file_enquiry(turn, u)


async def answered_after_all(turn: Turn, u: Understanding) -> bool:
    """FQ9: words that were taken for another kind and have the form of a question (暂住证丢了咋弄; 那电梯里呢) are answered where the
    base is sure, or where they lean on a question of the thread; False, and nothing happened, where it is not."""
    if turn.is_staff or u.emergency or turn.message.kind == "edit":
        return False
    thread = questions.thread_of(turn)
    if not may_ask(u.masked.text, u.kind, in_thread=bool(thread)):
        return False
    found = await _find(turn, u, thread)
    if found is None or (not thread and found.confidence < SURE):
        return False
    turn.outcome.kind = "question"
    await _give(turn, u, found)
    return True


async def _find(turn: Turn, u: Understanding, thread: list[str]) -> Answer | None:
    grid = turn.chat.grid
    area = "/".join(part for part in (grid.district, grid.street, grid.community) if part) if grid else ""
    for_staff = turn.is_staff and not turn.in_group
    today = turn.now.astimezone(turn.ports.zone).date()
    return await turn.ports.policy.answer(u.masked.text, earlier=thread, today=today, area=area, for_staff=for_staff)


def words_of_answer(found: Answer) -> tuple[str, str]:
    """(the sentences that hold the answer, the line that says where they stand); a bare 3个月 would leave a resident guessing."""
    return found.citation.quote, source_line(found.citation)


def source_line(c: Citation) -> str:
    clause, date = f"，{c.clause}" if c.clause else "", f"，{c.date}" if c.date else ""
    return say("policy/source", title=c.title, number=c.number, clause=clause, date=date)


async def _give(turn: Turn, u: Understanding, found: Answer) -> None:
    c = found.citation
    mark = hashlib.sha256(f"{c.doc}|{c.quote}".encode()).hexdigest()[:16]
    key, before = f"answer:{turn.message.key}", turn.memory.answered.get(mark)
    if turn.in_group and before and turn.now - before < ANSWER_AGAIN:
        at = before.astimezone(turn.ports.zone)
        # said in the morning after the answer itself, which the night keeps back
        words = say("policy/again_at_night", title=c.title) if before > turn.now else say("policy/again", title=c.title, time=f"{at:%H:%M}")
        await turn.say(words, key=key)
        return
    text, source = words_of_answer(found)
    shown = questions.shortened(text) if turn.in_group else text
    words = "\n".join(line for line in (say("policy/answer", text=shown, source=source), c.link) if line)
    buttons = questions.buttons_under(turn, mark, is_cut=shown != text, link=c.link)
    card = f"{questions.ANSWER_CARD}{turn.message.message_id}"
    questions.remember_given(turn, mark, u, c.doc, text, source)  # its buttons are pressed in the morning where the night keeps it back
    if await turn.say(words, key=key, card_id=card, buttons=buttons):
        if turn.ports.phrasing and found.passages:
            most = questions.LONG if turn.in_group else 0
            said = turn.speech(words, key=f"{key}:phrased", card_id=card, buttons=buttons, version=1)
            turn.ports.phrasing.begin(u.masked.text, found.passages, partial(_say_phrased, turn.ports.voice, said, found.passages, most))
        turn.memory.answered[mark] = turn.now
    elif morning := turn.kept_until(key):
        turn.memory.answered[mark] = morning


async def _say_phrased(voice: Voice, said: Speech, passages: tuple[Passage, ...], most: int, sentences: list[Sentence]) -> None:
    """In place of the quoted words: what the model made of them, with the sources of the passages it used. What is longer than `most`
    characters (0: no limit) is left: the quoted words stand, cut with a way to the whole; a phrased answer is not cut, because a
    condition may stand at its end."""
    used = [passages[n - 1] for n in dict.fromkeys(one.passage for one in sentences)]
    sources = "\n——".join(source_line(cite(p, "", p.clause)) for p in used)
    text = "".join(one.text if one.text[-1] in _ENDS else f"{one.text}。" for one in sentences)
    if most and len(text) > most:
        return
    words = "\n".join(line for line in (say("policy/answer", text=text, source=sources), used[0].link) if line)
    await voice.say(said.model_copy(update={"text": words}))


async def _file_enquiry(turn: Turn, u: Understanding) -> None:
    """FQ7, FQ8: nothing in the base is good enough, so a person answers: a 咨询 ticket, and a place in the queue of questions. Who
    asks the same while it is open joins."""
    asked = "".join(c for c in fold(u.masked.text) if c.isalnum())
    same = hashlib.sha256(asked.encode()).hexdigest()[:16]
    before = turn.memory.matters.get(turn.memory.enquiries.get(same, ""))
    telling = Telling(u.masked.text, u.category, u.place, None)
    report = report_of(turn, u, telling)
    if before and not before.settled and turn.in_group:
        report = report.model_copy(update={"join": before.id})
    receipt = await turn.ports.intake.create_report(report)
    await questions.queue_question(turn, u, receipt.ticket.id)
    matter = remember_ticket(turn, receipt.ticket)
    matter.add(turn.message.message_id, turn.person, u.masked.text, turn.message.at)
    turn.memory.enquiries[same] = matter.id
    turn.outcome.matters.append(matter.id)
    await fetch_media(turn, matter.id)
    if turn.in_group and u.delicate:
        await to_private(turn)
        return
    if receipt.outcome == "joined":
        await turn.say(say("ack/enquiry_again", number=receipt.ticket.number), key=f"ack:{turn.message.key}:0")
        return
    words = say("ack/enquiry", number=receipt.ticket.number)
    await show_card(turn, receipt.ticket, matter, key=f"ack:{turn.message.key}:0", words=words)
