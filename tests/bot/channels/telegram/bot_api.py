"""A stand-in of api.telegram.org over real HTTP: strict where Telegram is strict, and as moody as a test asks.

It keeps its updates, chats and messages when its server is killed and started again. Every call is kept with an id, so that a
test can count what was said twice. Error texts are Telegram's own.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import socket
import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from tests.bot.channels.telegram.town import BOT_ID, Json, Town

TOKEN = "123456:TEST-token"


class Refusal(Exception):  # noqa: N818
    """An error answer as Telegram gives it."""

    def __init__(self, code: int, description: str, **parameters: Any) -> None:
        super().__init__(description)
        self.code = code
        self.parameters = parameters


@dataclass(frozen=True, slots=True)
class Call:
    id: int
    at: float
    method: str
    params: Json
    refused: str = ""


class QuietServer(uvicorn.Server):
    """Lives in the test's own loop and leaves its signals alone."""

    def install_signal_handlers(self) -> None:
        return

    def capture_signals(self) -> Any:
        from contextlib import nullcontext

        return nullcontext()


@dataclass
class BotApi(Town):
    """The state and the server. `moods` are asked before each call and may raise a Refusal, wait, or cut the connection."""

    calls: list[Call] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    blocked: set[int] = field(default_factory=set)
    moods: list[Callable[[str, Json], Any]] = field(default_factory=list)
    privacy_mode: bool = False
    limit_per_chat: int = 0
    window_s: float = 60.0
    webhook: Json = field(default_factory=dict)
    delivered: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._call_ids = itertools.count(1)
        self._sent: dict[int, deque[float]] = defaultdict(deque)
        self._server: QuietServer | None = None
        self._port = 0
        self._tasks: list[asyncio.Task[Any]] = []

    # ---- the server ---------------------------------------------------------------------------------------------
    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._port}/bot"

    @property
    def base_file_url(self) -> str:
        return f"http://127.0.0.1:{self._port}/file/bot"

    async def start(self) -> None:
        # with the protocol named, asyncio turns Nagle off; without it each call takes 44 ms
        wire = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        wire.bind(("127.0.0.1", self._port))
        self._port = wire.getsockname()[1]
        config = uvicorn.Config(self._app(), log_level="critical", lifespan="off", ws="none", timeout_graceful_shutdown=1)
        self._server = QuietServer(config)
        self._tasks = [asyncio.ensure_future(self._server.serve([wire])), asyncio.ensure_future(self._deliver())]
        while not self._server.started:  # noqa: ASYNC110
            await asyncio.sleep(0.005)

    async def stop(self) -> None:
        """Drop every connection and take no new one, in one breath. Updates nobody confirmed stay."""
        if self._server is None:
            return
        self._server.should_exit = self._server.force_exit = True
        self._fresh.set()
        # uvicorn looks at its flags ten times a second: who reconnected until then would be dropped a second time
        for listening in self._server.servers:
            listening.close()
        for connection in list(self._server.server_state.connections):
            connection.transport.abort()  # type: ignore[union-attr]
        self._tasks[1].cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._server = None

    def _app(self) -> FastAPI:
        app = FastAPI(openapi_url=None)

        @app.api_route("/bot{token}/{method}", methods=["GET", "POST"])
        async def call(token: str, method: str, request: Request) -> Response:
            return await self._call(token, method, await _params(request))

        @app.get("/file/bot{token}/{path:path}")
        async def download(token: str, path: str) -> Response:
            if token != TOKEN or path not in self.files:
                return JSONResponse({"ok": False, "error_code": 404, "description": "Not Found"}, 404)
            return Response(self.files[path], media_type="application/octet-stream")

        return app

    async def _call(self, token: str, method: str, params: Json) -> Response:
        name = method.lower()
        try:
            if token != TOKEN:
                raise Refusal(401, "Unauthorized")
            for mood in list(self.moods):
                verdict = mood(method, params)
                if asyncio.iscoroutine(verdict):
                    await verdict
            answer = getattr(self, f"_do_{name}", None)
            if answer is None:
                raise Refusal(404, "Not Found: method not found")
            result = answer(params)
            if asyncio.iscoroutine(result):
                result = await result
        except Refusal as refusal:
            self._note(method, params, str(refusal))
            body = {"ok": False, "error_code": refusal.code, "description": str(refusal)}
            return JSONResponse(body | ({"parameters": refusal.parameters} if refusal.parameters else {}), refusal.code)
        self._note(method, params)
        return JSONResponse({"ok": True, "result": result})

    def _note(self, method: str, params: Json, refused: str = "") -> None:
        if method.lower() != "getupdates":
            self.calls.append(Call(next(self._call_ids), time.monotonic(), method, params, refused))

    # ---- what tests look at and ask for ------------------------------------------------------------------------------
    def said(self, chat: int | None = None) -> list[str]:
        """Texts of successful sendMessage calls, in order."""
        return [c.params["text"] for c in self.good("sendMessage") if chat is None or int(c.params["chat_id"]) == chat]

    def good(self, method: str) -> list[Call]:
        return [c for c in self.calls if c.method == method and not c.refused]

    def shown(self, chat: int) -> list[Json]:
        """The bot's messages as they stand in a chat now."""
        return [m for (where, _), m in sorted(self.messages.items()) if where == chat and m["from"]["id"] == BOT_ID]

    def file(self, name: str, data: bytes) -> str:
        self.files[name] = data
        return name

    def refuse(self, method: str, refusal: Refusal, times: int = 1) -> None:
        """The next `times` calls of a method get this answer."""
        left = [times]

        def mood(called: str, _params: Json) -> None:
            if called == method and left[0] > 0:
                left[0] -= 1
                raise refusal

        self.moods.append(mood)

    # ---- webhooks -----------------------------------------------------------------------------------------------
    async def _deliver(self) -> None:
        """Hand updates to the webhook one after the other; again until it answers 2xx, as Telegram does."""
        async with httpx.AsyncClient(timeout=5, trust_env=False) as http:
            while True:
                if not (self.webhook.get("url") and self.updates):
                    await asyncio.sleep(0.01)
                    continue
                update, headers = self.updates[0], {}
                if self.webhook.get("secret_token"):
                    headers["X-Telegram-Bot-Api-Secret-Token"] = self.webhook["secret_token"]
                try:
                    answer = await http.post(self.webhook["url"], json=update, headers=headers)
                except httpx.HTTPError:
                    await asyncio.sleep(0.05)
                    continue
                self.delivered.append((update["update_id"], answer.status_code))
                if answer.is_success:
                    self.updates.popleft()
                else:
                    await asyncio.sleep(0.05)

    # ---- methods ------------------------------------------------------------------------------------------------
    def _do_getme(self, _: Json) -> Json:
        about = {"id": BOT_ID, "is_bot": True, "first_name": "小区助手", "username": "xq_bot", "can_join_groups": True}
        return about | {"can_read_all_group_messages": not self.privacy_mode, "supports_inline_queries": False}

    async def _do_getupdates(self, params: Json) -> list[Json]:
        if self.webhook.get("url"):
            raise Refusal(
                409, "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
            )
        offset = int(params.get("offset", 0))
        while self.updates and self.updates[0]["update_id"] < offset:
            self.updates.popleft()
        if not self.updates:
            self._fresh.clear()
            try:
                await asyncio.wait_for(self._fresh.wait(), min(float(params.get("timeout", 0)), 50))
            except TimeoutError:
                return []
        return list(self.updates)[: int(params.get("limit", 100))]

    def _do_setwebhook(self, params: Json) -> bool:
        self.webhook = params
        return True

    def _do_deletewebhook(self, params: Json) -> bool:
        self.webhook = {}
        if str(params.get("drop_pending_updates")).lower() == "true":
            self.updates.clear()
        return True

    def _open_chat(self, params: Json) -> Json:
        chat_id = int(params["chat_id"])
        if chat_id in self.moved:
            new = self.moved[chat_id]
            raise Refusal(400, "Bad Request: group chat was upgraded to a supergroup chat", migrate_to_chat_id=new)
        if chat_id in self.blocked:
            raise Refusal(
                403, "Forbidden: bot was blocked by the user" if chat_id > 0 else "Forbidden: bot was kicked from the supergroup chat"
            )
        if chat_id not in self.chats:
            raise Refusal(400, "Bad Request: chat not found")
        self._count(chat_id)
        return self.chats[chat_id]

    def _count(self, chat_id: int) -> None:
        if not self.limit_per_chat:
            return
        sent, now = self._sent[chat_id], time.monotonic()
        while sent and sent[0] <= now - self.window_s:
            sent.popleft()
        if len(sent) >= self.limit_per_chat:
            wait = max(1, round(sent[0] + self.window_s - now))
            raise Refusal(429, f"Too Many Requests: retry after {wait}", retry_after=wait)
        sent.append(now)

    def _check(self, params: Json) -> None:
        text = params.get("text", "")
        if not text.strip():
            raise Refusal(400, "Bad Request: message text is empty")
        if len(text.encode("utf-16-le")) // 2 > 4096:
            raise Refusal(400, "Bad Request: message is too long")
        for row in params.get("reply_markup", {}).get("inline_keyboard", []):
            for button in row:
                if len(button.get("callback_data", "").encode()) > 64:
                    raise Refusal(400, "Bad Request: BUTTON_DATA_INVALID")

    def _do_sendmessage(self, params: Json) -> Json:
        chat = self._open_chat(params)
        self._check(params)
        reply = params.get("reply_parameters") or {}
        if (
            reply
            and (chat["id"], reply["message_id"]) not in self.messages
            and str(reply.get("allow_sending_without_reply")).lower() != "true"
        ):
            raise Refusal(400, "Bad Request: message to be replied not found")
        if params.get("message_thread_id") and str(params["message_thread_id"]) == "404":
            raise Refusal(400, "Bad Request: message thread not found")
        more = {"reply_markup": params["reply_markup"]} if params.get("reply_markup") else {}
        message = {"message_id": next(self._message_ids), "date": int(time.time()), "chat": chat, "text": params["text"], **more}
        message["from"] = {"id": BOT_ID, "is_bot": True, "first_name": "小区助手", "username": "xq_bot"}
        self.messages[chat["id"], message["message_id"]] = message
        return message

    def _own_message(self, params: Json) -> Json:
        chat = self._open_chat(params)
        message = self.messages.get((chat["id"], int(params["message_id"])))
        if message is None:
            raise Refusal(400, "Bad Request: message to edit not found")
        if message["from"]["id"] != BOT_ID:
            raise Refusal(400, "Bad Request: message can't be edited")
        return message

    def _change(self, message: Json, text: str, markup: Any) -> Json:
        if message["text"] == text and message.get("reply_markup") == markup:
            raise Refusal(
                400,
                "Bad Request: message is not modified: specified new message content and reply markup are exactly the same as a "
                "current content and reply markup of the message",
            )
        message.update(text=text, edit_date=int(time.time()))
        message.pop("reply_markup", None)
        if markup:
            message["reply_markup"] = markup
        return message

    def _do_editmessagetext(self, params: Json) -> Json:
        message = self._own_message(params)
        self._check(params)
        return self._change(message, params["text"], params.get("reply_markup"))

    def _do_editmessagereplymarkup(self, params: Json) -> Json:
        message = self._own_message(params)
        return self._change(message, message["text"], params.get("reply_markup"))

    def _do_answercallbackquery(self, _: Json) -> bool:
        return True

    def _do_setmycommands(self, _: Json) -> bool:
        return True

    def _do_leavechat(self, params: Json) -> bool:
        self.status[int(params["chat_id"])] = "left"
        return True

    def _do_getfile(self, params: Json) -> Json:
        name = params["file_id"]
        if name not in self.files:
            raise Refusal(400, "Bad Request: wrong file_id or the file is temporarily unavailable")
        if len(self.files[name]) > 20_000_000:
            raise Refusal(400, "Bad Request: file is too big")
        return {"file_id": name, "file_unique_id": name, "file_size": len(self.files[name]), "file_path": name}

    def _do_getchat(self, params: Json) -> Json:
        return {**self._open_chat(params), "accent_color_id": 0, "max_reaction_count": 11, "accepted_gift_types": {}}

    def _do_getchatmember(self, params: Json) -> Json:
        status = self.status[int(params["chat_id"])]
        if status == "administrator":
            raise Refusal(500, "Internal Server Error: not modelled; the update carries it")
        return {"user": {"id": int(params["user_id"]), "is_bot": True, "first_name": "小区助手"}, "status": status}

    def _do_getchatadministrators(self, _: Json) -> list[Json]:
        return []


async def _params(request: Request) -> Json:
    params: Json = dict(request.query_params)
    if request.headers.get("content-type", "").startswith("application/json"):
        params |= await request.json()
    else:
        async with request.form() as form:
            params |= {key: value if isinstance(value, str) else await value.read() for key, value in form.items()}
    for key, value in params.items():
        if key in ("reply_markup", "reply_parameters", "link_preview_options", "allowed_updates", "commands") and isinstance(value, str):
            params[key] = json.loads(value)
    return params
