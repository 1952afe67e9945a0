"""What becomes of a question: a vote on its answer, a place in the queue when it was in vain, and a person's answer coming back."""

from __future__ import annotations

from datetime import timedelta

from bot.assistant.memory import GivenAnswer, Timer
from bot.assistant.turn import Turn, in_quiet_hours, quiet_end
from bot.cards.actions import write
from bot.channels.contract import Button, Speech
from bot.wording import say
from intake_api.contracts import AskerIn, QuestionAnswered, QuestionIn, VoteIn
from nlp.schema import Understanding
from nlp.split import sentences

Rows = tuple[tuple[Button, ...], ...]
# FQ10: a group is told this much of an answer; who wants all of it gets it by link or in private
LONG = 220
# somebody's question may lean on an earlier one of theirs for this long
THREAD_KEPT = timedelta(minutes=10)
# an answer's card is named after the message that asked, so that a quote of it tells which question is meant
ANSWER_CARD = "q:"
_QUESTION_CHARS = 500
_QUOTED_CHARS = 40


async def queue_question(turn: Turn, u: Understanding, ticket_id: str = "") -> None:
    """FQ7: nobody could answer, so a person will. Raises IntakeError; a repeated call counts once."""
    asker = asker_of(turn, turn.message.message_id, turn.message.thread_id, delicate=u.delicate)
    await turn.ports.intake.queue_question(
        QuestionIn(
            external_id=turn.message.key[:300],
            question=u.masked.text[:_QUESTION_CHARS],
            grid=turn.chat.grid.code if turn.chat.grid else "",
            ticket_id=ticket_id,
            asker=asker,
            at=turn.message.at,
        )
    )


def asker_of(turn: Turn, message_id: str, thread_id: str, *, delicate: bool) -> AskerIn:
    """Where this person asked; in private the chat is the person. A delicate question of a group is answered in private (CH7)."""
    message = turn.message
    if delicate and turn.in_group:
        return AskerIn(channel=message.channel, chat_id=message.sender.id, handle=message.sender.id, private=True)
    return AskerIn(
        channel=message.channel, chat_id=message.chat_id, message_id=message_id, thread_id=thread_id, handle=message.sender.id,
        private=not turn.in_group,
    )  # fmt: skip


def shortened(text: str) -> str:
    """As much of an answer as a group reads: whole sentences, the very words; the whole where it is not long."""
    if len(text) <= LONG:
        return text
    kept = ""
    for sentence in sentences(text):
        if kept and len(kept) + len(sentence) > LONG:
            break
        kept += sentence
    return kept[:LONG].rstrip() + "……"


def buttons_under(turn: Turn, mark: str, *, is_cut: bool, link: str) -> Rows:
    """👍 and 👎, and the way to the whole of an answer that was cut: its link, or a private chat."""
    votes = (
        Button(label=say("button/helpful"), action=write("vote", mark, "1")),
        Button(label=say("button/not_helpful"), action=write("vote", mark, "0")),
    )
    if not is_cut:
        return (votes,)
    if link.startswith(("https://", "http://")):
        return (votes, (Button(label=say("button/whole"), url=link),))
    private = turn.ports.private_link(turn.message.channel, turn.message.chat_id)
    first_time = (Button(label=say("button/open_private"), url=private),) if private else ()
    return (votes, (Button(label=say("button/whole_private"), action=write("full", mark)), *first_time))


async def vote(turn: Turn, mark: str, helpful: bool) -> None:
    """One vote a person, which may change; nothing is said about it. A 👎 puts the question into the queue. Raises IntakeError."""
    given = turn.memory.given.get(mark)
    if given is None:
        return
    await turn.ports.intake.vote(
        VoteIn(
            external_id=f"vote:{turn.message.channel}:{turn.message.chat_id}:{mark}:{turn.message.sender.id}"[:300],
            question=given.question[:_QUESTION_CHARS],
            doc=given.doc[:200],
            helpful=helpful,
            given=given.text[:4000],
            asker=asker_of(turn, given.message_id, given.thread_id, delicate=given.delicate),
            grid=turn.chat.grid.code if turn.chat.grid else "",
            at=turn.message.at,
        )
    )


async def send_whole(turn: Turn, mark: str) -> None:
    """The whole of an answer to who pressed for it, in their private chat; once a person."""
    given = turn.memory.given.get(mark)
    if given is None:
        return
    message = turn.message
    words = say("policy/answer", text=given.text, source=given.source)
    key = f"full:{message.chat_id}:{mark}:{message.sender.id}"
    await turn.ports.voice.say(Speech(key=key, channel=message.channel, chat_id=message.sender.id, text=words, heard_at=message.at))


def remember_given(turn: Turn, mark: str, u: Understanding, doc: str, text: str, source: str) -> None:
    """For the buttons under it."""
    turn.memory.given.pop(mark, None)
    turn.memory.given[mark] = GivenAnswer(
        question=u.masked.text[:_QUESTION_CHARS], doc=doc, text=text, source=source, message_id=turn.message.message_id,
        thread_id=turn.message.thread_id, delicate=u.delicate,
    )  # fmt: skip


def thread_of(turn: Turn) -> list[str]:
    """The questions this message may lean on, oldest first: the one whose answer it quotes, else its sender's own of late."""
    message, recent = turn.message, turn.memory.recent
    quoted = message.card_id.removeprefix(ANSWER_CARD) if message.card_id.startswith(ANSWER_CARD) else message.reply_to
    if quoted:
        asked = [e.text for e in recent if e.message_id == quoted and e.kind == "question"]
        return asked or [g.question for g in turn.memory.given.values() if g.message_id == quoted][-1:]
    return [e.text for e in recent if e.kind == "question" and e.sender == turn.person and message.at - e.at <= THREAD_KEPT]


async def tell_answer(turn: Turn, event: QuestionAnswered) -> None:
    """FQ8: a person's answer to who asked, quoting the question; in quiet hours it waits for the morning, once in any case.

    It is owed, so the group's budget does not hold it back; a muted group stays silent.
    """
    if turn.in_group and turn.chat.settings.muted:
        return
    asked = event.question if len(event.question) <= _QUOTED_CHARS else f"{event.question[:_QUOTED_CHARS]}……"
    others = {"others": event.askers - 1} if event.askers > 1 else {}
    speech = Speech(
        key=f"ev:{event.id}",
        channel=event.channel,
        chat_id=event.chat_id,
        thread_id=event.thread_id,
        text=say("policy/person_to_several" if others else "policy/person", question=asked, answer=event.answer, **others),
        reply_to=event.message_id,
    )
    local, settings = turn.now.astimezone(turn.ports.zone), turn.chat.settings
    if turn.in_group and in_quiet_hours(local, settings.quiet_from, settings.quiet_to):
        if all(timer.speech != speech.model_dump_json() for timer in turn.memory.timers):
            turn.memory.timers.append(Timer(at=quiet_end(local, settings.quiet_to), what="say_later", speech=speech.model_dump_json()))
        return
    await turn.ports.voice.say(speech)
    turn.outcome.spoke, turn.outcome.say = True, speech.text
