"""The catalogue of matters, grids with their gazetteer and roster, and the chats bound to them."""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, Field, StrictBool, StrictInt

from intake_api.contracts.words import ChatId, Handle, Level, Name, Slug, Wire
from nlp.schema import Role

Duration = Annotated[str, Field(pattern=r"^[0-9]{1,5}(min|h|d)$")]


class MatterView(Wire):
    id: str
    name: str
    domain: str
    domain_name: str
    level: Level
    lead: str
    assist: list[str] = []
    says: list[str] = []
    respond_s: int
    resolve_s: int
    grid_duty: bool
    counted: bool
    emergency: bool
    call: str = ""
    replaced_by: str | None = None


class CatalogueView(Wire):
    version: int
    matters: list[MatterView]
    domains: dict[str, str] = {}


class MatterIn(Wire):
    """A matter as an administrator writes it. Durations are like 15min, 4h, 3d. A retired one names its heir in `replaced_by`."""

    id: Annotated[str, Field(pattern=r"^[a-z_]{1,40}\.[a-z_]{1,60}$")]
    name: Name
    level: Level
    lead: Name
    assist: list[Name] = []
    says: list[Name] = []
    respond: Duration = "24h"
    resolve: Duration = "5d"
    grid_duty: StrictBool = True
    counted: StrictBool = True
    emergency: StrictBool = False
    call: Annotated[str, Field(max_length=20)] = ""
    replaced_by: str | None = None


class CatalogueIn(Wire):
    """The next version, whole. `based_on` is the version it was edited from: when another came between, it is refused."""

    based_on: Annotated[StrictInt, Field(ge=1, le=1_000_000)]
    domains: Annotated[dict[str, Name], Field(min_length=1, max_length=100)]
    matters: Annotated[list[MatterIn], Field(min_length=1, max_length=1000)]


class EstateIn(Wire):
    name: Name
    aliases: list[Name] = []


class StaffIn(Wire):
    """A person on a grid's roster. `handles` are channel:id of their accounts, filled by the personal start link."""

    id: Slug
    name: Annotated[str, Field(min_length=1, max_length=50)]
    role: Role
    order: Annotated[StrictInt, Field(ge=0, le=10_000)] = 0
    handles: list[Handle] = []


class GridIn(Wire):
    code: Slug
    name: Name
    community: Name
    street: Name
    district: Annotated[str, Field(max_length=100)] = ""
    estates: Annotated[list[EstateIn], Field(max_length=500)] = []
    spots: Annotated[list[Name], Field(max_length=2000)] = []
    roads: Annotated[list[Name], Field(max_length=500)] = []
    aliases: Annotated[dict[str, Name], Field(max_length=2000)] = {}
    official_phones: Annotated[list[Name], Field(max_length=100)] = []
    staff: Annotated[list[StaffIn], Field(max_length=200)] = []


class GridView(GridIn):
    version: int = 1


Hour = Annotated[StrictInt, Field(ge=0, le=23)]


class ChatSettings(Wire):
    """Per group: `muted` (listens, files, says nothing), quiet hours in local time, `off` (kill switch: not even read)."""

    muted: StrictBool = False
    off: StrictBool = False
    quiet_from: Hour = 22
    quiet_to: Hour = 7


class BindIn(Wire):
    """Bind a group to a grid. `code` is the one-time bind code an administrator got from the console."""

    channel: Slug
    chat_id: ChatId
    title: Annotated[str, Field(max_length=200)] = ""
    code: Annotated[str, Field(min_length=1, max_length=100)]
    by_handle: Annotated[str, Field(max_length=300)]


class ChatView(Wire):
    channel: str
    chat_id: str
    grid: GridView | None
    settings: ChatSettings = ChatSettings()
    title: str = ""


class MigrateIn(Wire):
    channel: Slug
    from_chat_id: ChatId
    to_chat_id: ChatId


class LinkIn(Wire):
    """A worker opened their personal start link: `token` is in it, `handle` is the account that opened it."""

    token: Annotated[str, Field(min_length=1, max_length=100)]
    channel: Slug
    handle: Annotated[str, Field(min_length=1, max_length=200)]


class StaffView(Wire):
    id: str
    name: str
    role: Role
    grid: str
    order: int = 0
    handles: list[str] = []


class OneTimeCodeView(Wire):
    """A code shown once: for `/bind` in a group, or inside a worker's personal start link (`url` where the channel has one)."""

    code: str
    grid: str
    staff: str | None = None
    expires_at: AwareDatetime
    url: str = ""
