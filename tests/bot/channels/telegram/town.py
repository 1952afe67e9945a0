"""What people do in Telegram, as the updates a bot gets of it."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import Any

BOT_ID = 123456
Json = dict[str, Any]
_RIGHTS = (
    *("can_be_edited", "is_anonymous", "can_manage_chat", "can_delete_messages", "can_manage_video_chats", "can_restrict_members"),
    *("can_promote_members", "can_change_info", "can_invite_users", "can_post_stories", "can_edit_stories", "can_delete_stories"),
)


@dataclass
class Town:
    """Chats, their messages, and the updates nobody confirmed yet."""

    updates: deque[Json] = field(default_factory=deque)
    messages: dict[tuple[int, int], Json] = field(default_factory=dict)
    chats: dict[int, Json] = field(default_factory=dict)
    moved: dict[int, int] = field(default_factory=dict)
    status: dict[int, str] = field(default_factory=lambda: defaultdict(lambda: "member"))

    def __post_init__(self) -> None:
        self._ids = itertools.count(1)
        self._message_ids = itertools.count(100)
        self._fresh = asyncio.Event()

    def chat(self, chat_id: int, kind: str = "supergroup", title: str = "3栋业主群") -> Json:
        about = (
            {"id": chat_id, "type": "private", "first_name": "王"} if kind == "private" else {"id": chat_id, "type": kind, "title": title}
        )
        return self.chats.setdefault(chat_id, about)

    def push(self, **content: Any) -> Json:
        update = {"update_id": next(self._ids), **content}
        self.updates.append(update)
        self._fresh.set()
        return update

    def message(self, chat_id: int, user: Json, **content: Any) -> Json:
        kind = "private" if chat_id > 0 else "supergroup"
        message = {
            "message_id": next(self._message_ids),
            "date": int(time.time()),
            "chat": self.chat(chat_id, kind),
            "from": user,
            **content,
        }
        self.messages[chat_id, message["message_id"]] = message
        return message

    def say(self, chat_id: int, user: Json, text: str, **content: Any) -> Json:
        """Somebody writes a text. Commands get their entity, as Telegram marks them."""
        if text.startswith("/"):
            content.setdefault("entities", [{"type": "bot_command", "offset": 0, "length": len(text.split()[0])}])
        message = self.message(chat_id, user, text=text, **content)
        self.push(message=message)
        return message

    def send(self, chat_id: int, user: Json, **content: Any) -> Json:
        message = self.message(chat_id, user, **content)
        self.push(message=message)
        return message

    def edit(self, message: Json, text: str, edit_date: int | None = None) -> Json:
        message.update(text=text, edit_date=edit_date or int(time.time()))
        return self.push(edited_message=dict(message))

    def press(self, chat_id: int, message_id: int, user: Json, data: str) -> Json:
        query = {"id": str(next(self._ids) * 1000), "from": user, "message": self.messages[chat_id, message_id], "data": data}
        return self.push(callback_query={**query, "chat_instance": "1"})

    def membership(self, chat_id: int, user: Json, before: str, after: str) -> Json:
        self.status[chat_id] = after
        me = {"id": BOT_ID, "is_bot": True, "first_name": "小区助手"}
        rights = dict.fromkeys(_RIGHTS, False)

        def member(status: str) -> Json:
            more = rights if status == "administrator" else {"until_date": 0} if status == "kicked" else {}
            return {"user": me, "status": status, **more}

        kind = "private" if chat_id > 0 else "supergroup"
        return self.push(
            my_chat_member={
                "chat": self.chat(chat_id, kind), "from": user, "date": int(time.time()),
                "old_chat_member": member(before), "new_chat_member": member(after),
            }
        )  # fmt: skip

    def migrate(self, old: int, new: int, user: Json) -> None:
        """The group becomes a supergroup: both service messages, and the old id refuses from now on."""
        self.moved[old] = new
        self.chats[new] = {**self.chat(old), "id": new, "type": "supergroup"}
        self.send(old, user, migrate_to_chat_id=new)
        self.send(new, user, migrate_from_chat_id=old)
