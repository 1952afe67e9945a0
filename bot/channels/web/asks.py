"""What a browser may ask of the chat server; unknown fields are refused."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

# made by the browser for each thing sent: the same one again is the same thing
Nonce = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{8,64}$")]
Name = Annotated[str, Field(min_length=1, max_length=80)]
# longer texts are let in up to the body limit, so that the room can say in words that they are too long
Text = Annotated[str, Field(max_length=65_536)]


class Ask(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    who: Name


class Sent(BaseModel):
    """A photo uploaded before, or a place."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["photo", "location"]
    ref: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$|^$")] = ""
    mime: Literal["", "image/jpeg"] = ""
    size: Annotated[int, Field(ge=0)] = 0
    album: Literal[""] = ""
    width: Annotated[int, Field(ge=0, le=10_000)] = 0
    height: Annotated[int, Field(ge=0, le=10_000)] = 0
    lat: Annotated[float, Field(ge=-90, le=90)] | None = None
    long: Annotated[float, Field(ge=-180, le=180)] | None = None

    @model_validator(mode="after")
    def _whole(self) -> Sent:
        if self.kind == "photo" and not self.ref:
            raise ValueError("a photo has a ref")
        if (self.lat is None) != (self.long is None):
            raise ValueError("a place has both degrees or none")
        return self


class Post(Ask):
    chat: Name
    nonce: Nonce
    text: Text = ""
    reply_to: Annotated[str, Field(max_length=200)] = ""
    media: Annotated[tuple[Sent, ...], Field(max_length=4)] = ()


class Change(Ask):
    chat: Name
    id: Annotated[str, Field(max_length=200)]
    text: Text


class Press(Ask):
    chat: Name
    id: Annotated[str, Field(max_length=200)]
    action: Annotated[str, Field(min_length=1, max_length=64)]
    nonce: Nonce


class Play(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    run: Nonce
