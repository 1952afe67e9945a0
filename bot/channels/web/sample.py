"""The sample group and its written morning: YAML in, frozen values out."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from bot.channels.contract import Sender
from intake_api.contracts import GridIn
from nlp.schema import Role

HERE = Path(__file__).parent


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Person(Part):
    """`id` is also the id of the person's private chat; `label` and `note` are what the picker shows."""

    id: str = Field(pattern=r"^[a-z0-9-]{1,40}$")
    name: str
    role: Role
    label: str
    face: str
    note: str
    pick: bool = True

    @property
    def sender(self) -> Sender:
        return Sender(id=self.id, name=self.name, role=self.role)


class Assistant(Part):
    id: str
    name: str


class Group(Part):
    title: str


class Sample(Part):
    """Everybody in the one group of this web chat, and the grid the demo binds it to."""

    assistant: Assistant
    group: Group
    grid: GridIn
    people: tuple[Person, ...]

    @model_validator(mode="after")
    def _roster_is_known(self) -> Self:
        handles = {f"web:{person.id}" for person in self.people}
        stray = {h for staff in self.grid.staff for h in staff.handles if h.startswith("web:")} - handles
        if stray:
            raise ValueError(f"staff handles that nobody in the group has: {sorted(stray)}")
        return self

    @property
    def group_id(self) -> str:
        return f"g-{self.grid.code}"

    def person(self, person_id: str) -> Person | None:
        return next((person for person in self.people if person.id == person_id), None)

    def chats_of(self, person: Person) -> tuple[str, str]:
        """The group first, the person's own private chat second."""
        return self.group_id, person.id

    def knows(self, chat: str) -> bool:
        return chat == self.group_id or self.person(chat) is not None


class Line(Part):
    """One message of the sample morning; `reply_to` names an earlier line, `photo` a file beside the page's assets."""

    id: str
    from_: str = Field(alias="from")
    text: str = ""
    reply_to: str = ""
    photo: str = ""
    pause_s: float | None = None


class Morning(Part):
    pace_s: float
    messages: tuple[Line, ...]


def _read(name: str) -> Any:
    return yaml.safe_load((HERE / name).read_text(encoding="utf8"))


def load_sample() -> Sample:
    return Sample.model_validate(_read("sample.yaml"))


def load_morning(sample: Sample) -> Morning:
    """The written morning. ValueError when a line names a person or an earlier line that does not exist."""
    morning = Morning.model_validate(_read("sample_morning.yaml"))
    seen: set[str] = set()
    for line in morning.messages:
        if sample.person(line.from_) is None or (line.reply_to and line.reply_to not in seen):
            raise ValueError(f"sample_morning.yaml: {line.id} names a person or a message that is not there")
        seen.add(line.id)
    return morning


def load_wording() -> dict[str, Any]:
    """Every sentence the page and its server say."""
    return dict(_read("wording.yaml"))
