"""An update of Telegram → what was heard. Pure: what needs the network or Redis is added by `hearing`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zlib import crc32

from telegram import CallbackQuery, Chat, ChatMember, ChatMemberRestricted, ChatMemberUpdated, Location, Message, Update, User

from bot.channels.contract import ChatKind, ChatMessage, Media, Sender

NAME = "telegram"
COMMANDS = frozenset({"/start", "/bind", "/help", "/my", "/privacy", "/forget", "/mute"})
# what Telegram is asked to send; everything else (channel posts, reactions, polls) is not for us
WANTED = ("message", "edited_message", "callback_query", "my_chat_member")
_INSIDE = (ChatMember.MEMBER, ChatMember.ADMINISTRATOR, ChatMember.OWNER)


@dataclass(frozen=True, slots=True)
class Me:
    """The bot itself. `reads_all`: privacy mode is off."""

    id: int
    username: str
    reads_all: bool


def read(update: Update, me: Me, now: datetime) -> ChatMessage | None:
    """What was heard, or None where nothing was: channels, other bots, service messages, other bots' commands.

    Texts and names are taken as they are. `now` is used where Telegram gives no time (presses).
    """
    if update.callback_query:
        return _press(update.callback_query, now)
    if update.my_chat_member:
        return _membership(update.my_chat_member)
    if update.edited_message:
        return _edit(update.edited_message, me)
    return _message(update.message, me) if update.message else None


def _message(message: Message, me: Me) -> ChatMessage | None:
    if message.chat.type == Chat.CHANNEL:
        return None
    if message.migrate_to_chat_id:
        return moved(message.chat.id, message.migrate_to_chat_id, _person(message) or _bot(me), message.date)
    if message.migrate_from_chat_id:
        return moved(message.migrate_from_chat_id, message.chat.id, _person(message) or _bot(me), message.date)
    if any(user.id == me.id for user in message.new_chat_members):
        sender = _person(message) or _bot(me)
        return _in_chat(message.chat, f"welcome-{_stamp(message.date)}", sender, message.date, kind="welcome")
    if message.left_chat_member and message.left_chat_member.id == me.id:
        return _in_chat(message.chat, f"left-{_stamp(message.date)}", _person(message) or _bot(me), message.date, kind="left")
    return _spoken(message, me, message.date)


def _edit(message: Message, me: Me) -> ChatMessage | None:
    if message.chat.type == Chat.CHANNEL or (message.location and message.location.live_period):
        return None
    at = message.edit_date or message.date
    heard = _spoken(message, me, at, editing=True)
    return heard.model_copy(update={"kind": "edit", "edit_version": _version(at, heard.text)}) if heard else None


def _spoken(message: Message, me: Me, at: datetime, *, editing: bool = False) -> ChatMessage | None:
    """What a person wrote or sent; None for service messages and for bots."""
    sender = _person(message)
    if sender is None:
        return None
    text, media = message.text or message.caption or "", _media(message)
    if message.venue:
        text = f"{message.venue.title} {message.venue.address}".strip()
    if not text and not media:
        return None
    about: dict[str, Any] = {"thread_id": _thread(message), "reply_to": _quoted(message), "text": text, "media": media}
    if text.startswith("/") and not editing:
        name, _, addressed = text.split(maxsplit=1)[0].partition("@")
        if addressed and addressed.lower() != me.username.lower():
            return None
        if name.lower() in COMMANDS:
            arguments = text.strip().split(maxsplit=1)[1:]
            about |= {"kind": "command", "text": " ".join([name.lower(), *arguments])}
    if about["text"] == "/start" and _kind(message.chat) == "private":
        about |= {"kind": "welcome", "text": ""}
    return _in_chat(message.chat, str(message.message_id), sender, at, **about)


def _press(query: CallbackQuery, now: datetime) -> ChatMessage | None:
    """A button. `reply_to` is the message it stands under; the card of that message is looked up by `hearing`."""
    if query.message is None or query.from_user.is_bot:
        return None
    under = query.message
    return _in_chat(
        under.chat,
        f"press-{query.id}",
        _sender(query.from_user),
        now,
        kind="press",
        action=query.data or "",
        reply_to=str(under.message_id),
        thread_id=_thread(under) if isinstance(under, Message) else "",
    )


def _membership(change: ChatMemberUpdated) -> ChatMessage | None:
    """The bot came, went, or got other rights. A private chat's welcome is its /start."""
    chat, was, now_in = change.chat, _inside(change.old_chat_member), _inside(change.new_chat_member)
    if chat.type == Chat.CHANNEL or not (was or now_in) or (now_in and chat.type == Chat.PRIVATE):
        return None
    kind = "welcome" if now_in else "left"
    name = "rights" if was and now_in else kind
    return _in_chat(chat, f"{name}-{_stamp(change.date)}", _sender(change.from_user), change.date, kind=kind)


def missing_rights(member: ChatMember, me: Me) -> tuple[str, ...]:
    """Codes of what the bot lacks in a group. An administrator hears everything, whatever the privacy mode."""
    if member.status in (ChatMember.ADMINISTRATOR, ChatMember.OWNER):
        return ()
    codes = [] if me.reads_all else ["privacy_mode"]
    codes.append("not_admin")
    if isinstance(member, ChatMemberRestricted) and not member.can_send_messages:
        codes.append("cannot_speak")
    return tuple(codes)


def moved(old: int, new: int, sender: Sender, at: datetime) -> ChatMessage:
    """The same message whichever side tells it, so it is heard once."""
    return ChatMessage(
        channel=NAME, chat_id=str(old), message_id=f"migrated-{new}", kind="migrated", sender=sender, at=at, moved_to=str(new)
    )


def _in_chat(chat: Chat, message_id: str, sender: Sender, at: datetime, **about: Any) -> ChatMessage:
    return ChatMessage(
        channel=NAME,
        chat_id=str(chat.id),
        message_id=message_id,
        chat_kind=_kind(chat),
        chat_title=chat.title or "",
        sender=sender,
        at=at,
        **about,
    )


def _kind(chat: Chat) -> ChatKind:
    return "private" if chat.type == Chat.PRIVATE else "group"


def _inside(member: ChatMember) -> bool:
    return member.status in _INSIDE or (isinstance(member, ChatMemberRestricted) and member.is_member)


def _sender(user: User) -> Sender:
    return Sender(id=str(user.id), name=user.full_name)


def _bot(me: Me) -> Sender:
    return Sender(id=str(me.id), name=me.username)


def _person(message: Message) -> Sender | None:
    """Who spoke. Anonymous administrators and people who speak as their channel have the chat's id and name; bots are nobody."""
    if message.is_automatic_forward:
        return None
    if message.sender_chat:
        chat = message.sender_chat
        return Sender(id=str(chat.id), name=message.author_signature or chat.effective_name or "")
    user = message.from_user
    return _sender(user) if user and not user.is_bot else None


def _thread(message: Message) -> str:
    """The topic. Outside forums Telegram puts the start of a reply chain there, which is no topic."""
    return str(message.message_thread_id) if message.is_topic_message and message.message_thread_id else ""


def _quoted(message: Message) -> str:
    """The message answered. In a topic, every message "answers" the one that created it; that is no quote."""
    quoted = message.reply_to_message
    return str(quoted.message_id) if quoted and not quoted.forum_topic_created else ""


def _media(message: Message) -> tuple[Media, ...]:
    album = message.media_group_id or ""
    if message.photo:
        largest = max(message.photo, key=lambda size: size.width * size.height)
        return (Media(kind="photo", ref=largest.file_id, mime="image/jpeg", size=largest.file_size or 0, album=album),)
    if message.location:
        return (_location(message.location),)
    if message.sticker:
        return (Media(kind="sticker", ref=message.sticker.file_id, size=message.sticker.file_size or 0),)
    # an animation is also sent as a document; it is a film
    film = message.video or message.video_note or message.animation
    if film:
        mime = getattr(film, "mime_type", None) or "video/mp4"
        return (Media(kind="video", ref=film.file_id, mime=mime, size=film.file_size or 0, album=album),)
    if message.voice:
        return (
            Media(kind="voice", ref=message.voice.file_id, mime=message.voice.mime_type or "audio/ogg", size=message.voice.file_size or 0),
        )
    file = message.document or message.audio
    if file:
        mime = file.mime_type or "application/octet-stream"
        return (Media(kind="file", ref=file.file_id, mime=mime, size=file.file_size or 0, album=album),)
    return ()


def _location(location: Location) -> Media:
    return Media(kind="location", lat=location.latitude, long=location.longitude)


def _version(at: datetime, text: str) -> int:
    """Telegram stamps edits to the second: two within one differ by their text."""
    return _stamp(at) * 1000 + crc32(text.encode("utf8", "surrogatepass")) % 1000


def _stamp(at: datetime) -> int:
    return int(at.timestamp())
