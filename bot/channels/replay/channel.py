"""A transcript as a channel: its messages are heard in order, what is said is written beside them. Nothing can be pressed."""

from __future__ import annotations

from collections.abc import AsyncIterable

from bot.channels.contract import ChatMessage, Ear, Media, SpeakError, Speech, Spoken
from bot.channels.replay.transcript import CHANNEL


class ReplayChannel:
    """One chat. `hear` ends with the last message. `shown` is what the assistant has standing in the chat, in order.

    `idempotent`: asked twice to say the same key, it says it once.
    """

    name = CHANNEL
    idempotent = True

    def __init__(self, chat_id: str, messages: AsyncIterable[ChatMessage]) -> None:
        self.chat_id = chat_id
        self.shown: dict[str, Speech] = {}
        self._messages = messages

    async def hear(self, ear: Ear) -> None:
        async for message in self._messages:
            quoted = self.shown.get(message.reply_to)
            await ear.heard(message.model_copy(update={"card_id": quoted.card_id}) if quoted else message)

    async def speak(self, speech: Speech, message_id: str | None) -> Spoken:
        """Raises SpeakError for another chat than the transcript's."""
        if speech.chat_id != self.chat_id:
            raise SpeakError(f"the transcript has no chat {speech.chat_id}")
        said = next((i for i, s in self.shown.items() if s.key == speech.key), None)
        shown_id = message_id or said or f"assistant-{len(self.shown) + 1}"
        self.shown[shown_id] = speech
        return Spoken(message_id=shown_id)

    async def fetch(self, media: Media) -> tuple[bytes, str]:
        raise SpeakError("a transcript carries no files")
