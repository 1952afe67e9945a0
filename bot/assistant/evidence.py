"""Evidence (CH8): photos, voices, files and pins belong to a matter, whether they came before its words, with them or after."""

from __future__ import annotations

from collections.abc import Iterable

from bot.assistant.memory import OpenMatter
from bot.assistant.turn import Turn
from bot.channels.contract import Fetch, Media


def note_media(turn: Turn) -> None:
    """Remember what came with this message: the words it belongs to may follow."""
    if turn.message.media:
        turn.memory.media[turn.message.message_id] = list(turn.message.media)


async def fetch_media(turn: Turn, ticket_id: str, earlier: Iterable[str] = ()) -> None:
    """Have the channel hand over what came with this message and with the `earlier` ones that it takes along."""
    message = turn.message
    for message_id in (*earlier, message.message_id):
        heard = message.key if message_id == message.message_id else f"{message.channel}:{message.chat_id}:{message_id}"
        for n, media in enumerate(turn.memory.media.get(message_id, ())):
            if media.ref and media.kind != "sticker":
                fetch = Fetch(
                    key=f"fetch:{heard}:{n}:{ticket_id}", channel=message.channel, chat_id=message.chat_id, message_id=message_id,
                    ticket_id=ticket_id, media=media,
                )  # fmt: skip
                await turn.ports.voice.say(fetch)


def pin_of(turn: Turn, earlier: Iterable[str] = ()) -> Media | None:
    """The newest location among this message and the `earlier` ones."""
    ids = (turn.message.message_id, *reversed(list(earlier)))
    found = (media for message_id in ids for media in turn.memory.media.get(message_id, ()))
    return next((m for m in found if m.kind == "location" and m.lat is not None), None)


def matter_of_album(turn: Turn) -> OpenMatter | None:
    """The matter of another picture of the same album, for a picture without words."""
    album = next((m.album for m in turn.message.media if m.album), "")
    if not album or turn.message.text:
        return None
    siblings = (i for i, media in turn.memory.media.items() if any(m.album == album for m in media))
    return next((matter for i in siblings for matter in turn.memory.matters_of_message(i)), None)
