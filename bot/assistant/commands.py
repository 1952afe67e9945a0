"""What a person asks the assistant outright: /bind, /help, /my, /privacy, /forget, /mute, /start."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from bot.assistant.turn import Turn, heed_flood
from bot.cards.phrases import state_name
from bot.wording import choose, options, say
from intake_api.client import IntakeError
from intake_api.contracts import BindIn, LinkIn

SHOWN = 5


async def command(turn: Turn) -> None:
    """Answer a command once; unknown commands are another bot's, and stay unanswered."""
    name, _, rest = turn.message.text.strip().partition(" ")
    handler = _COMMANDS.get(name.lower())
    if handler is None:
        return
    await heed_flood(turn)
    if not turn.flooded:
        await _answer(turn, await handler(turn, rest.strip()))


async def welcome(turn: Turn) -> None:
    """The bot came into a group, or its rights changed: say who it is (PR5), what it lacks (CH1), how to bind it (CH5)."""
    if not turn.in_group:
        await _answer(turn, say("help/start"))
        return
    lines = []
    if not turn.memory.explained:
        lines.append(say("group/welcome"))
        turn.memory.explained = True
    missing = [choose("rights", code, code) for code in turn.message.rights_missing]
    if missing:
        lines.append(say("group/rights", missing="、".join(missing)))
    if turn.chat.grid is None:
        lines.append(say("group/unbound"))
    if lines:
        await _answer(turn, "\n\n".join(lines))


async def _answer(turn: Turn, words: str) -> None:
    if words:
        await turn.say(words, key=f"cmd:{turn.message.key}", asked=True)


async def _bind(turn: Turn, code: str) -> str:
    if not turn.in_group:
        return ""
    if not code:
        return say("group/bind_usage")
    try:
        bind = BindIn(
            channel=turn.message.channel, chat_id=turn.message.chat_id, title=turn.message.chat_title[:200], code=code[:100],
            by_handle=turn.person,
        )  # fmt: skip
        turn.chat = await turn.ports.intake.bind_chat(bind)
    except IntakeError as error:
        if error.retryable:
            raise
        return say("group/bind_wrong")
    return say("group/bound", grid=turn.chat.grid.name if turn.chat.grid else "")


async def _start(turn: Turn, token: str) -> str:
    """A worker's personal start link, or a resident who came from a group (`g<chat id>`), or just hello."""
    if turn.in_group or not token:
        return "" if turn.in_group else say("help/start")
    if token[0] == "g" and token[1:].lstrip("-").isdigit():
        turn.memory.home_chat = token[1:]
        return say("help/start")
    try:
        person = await turn.ports.intake.link_staff(LinkIn(token=token[:200], channel=turn.message.channel, handle=turn.message.sender.id))
    except IntakeError as error:
        if error.retryable:
            raise
        return say("help/link_wrong")
    return say("help/linked", name=person.name, grid=person.grid, role=choose("role", person.role, person.role))


async def _help(turn: Turn, _: str) -> str:
    return say("help/worker") if turn.is_staff and not turn.in_group else say("help/group")


async def _privacy(turn: Turn, _: str) -> str:
    return say("help/privacy")


async def my_matters(turn: Turn) -> str:
    """TK12: what this person reported. The group sees only what was said in this group, and nothing delicate."""
    tickets = await turn.ports.intake.tickets_of(turn.person)
    if turn.in_group:
        tickets = [t for t in tickets if t.id in turn.memory.matters and not t.delicate]
    lines = [say("progress/line", title=t.title, number=t.number, state=state_name(t.state)) for t in tickets[:SHOWN]]
    if lines:
        return say("progress/list", lines="\n".join(lines))
    return say("progress/none_here") if turn.in_group else say("progress/none")


async def _my(turn: Turn, _: str) -> str:
    return await my_matters(turn)


async def _forget(turn: Turn, word: str) -> str:
    if word != choose("words", "confirm_forget"):
        return say("help/forget_confirm")
    count = await turn.ports.intake.forget(turn.person)
    turn.memory.homes.pop(turn.person, None)
    turn.memory.recent = [e for e in turn.memory.recent if e.sender != turn.person]
    turn.memory.awaited = [a for a in turn.memory.awaited if a.person != turn.person]
    for matter in turn.memory.matters.values():
        matter.senders = [sender for sender in matter.senders if sender != turn.person]
    return say("help/forgotten", n=count)


async def _mute(turn: Turn, word: str) -> str:
    """CH14: staff of the grid, or whoever bound the group, may quieten it; it goes on listening and filing."""
    if not turn.in_group:
        return ""
    if not turn.is_staff:
        return say("group/staff_only")
    muted = word.lower() not in options("words")["mute_off"].split()
    settings = turn.chat.settings.model_copy(update={"muted": muted})
    turn.chat = await turn.ports.intake.set_chat_settings(turn.message.channel, turn.message.chat_id, settings)
    return say("group/muted") if muted else say("group/unmuted")


_COMMANDS: dict[str, Callable[[Turn, str], Awaitable[str]]] = {
    "/bind": _bind,
    "/start": _start,
    "/help": _help,
    "/privacy": _privacy,
    "/my": _my,
    "/forget": _forget,
    "/mute": _mute,
}
