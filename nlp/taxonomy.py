"""The catalogue of matters (事项分类) as values: read from YAML, refused whole when anything in it is wrong."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

DEFAULT_PATH = Path(__file__).with_name("taxonomy.yaml")
_UNIT_S = {"min": 60, "h": 3600, "d": 86400}


class TaxonomyError(ValueError):
    """The catalogue cannot be used; the message says which line of thought is wrong and how to mend it."""


class Matter(BaseModel):
    """One matter. `respond_s`, `resolve_s`: seconds of working time (of clock time when `emergency`)."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    id: str = Field(pattern=r"^[a-z_]+\.[a-z_]+$")
    name: str
    level: Literal["grid", "community", "street", "department"]
    lead: str
    assist: tuple[str, ...] = Field(default=(), alias="with")
    says: tuple[str, ...] = ()
    respond_s: int
    resolve_s: int
    grid_duty: bool
    counted: bool
    emergency: bool
    call: str = ""
    replaced_by: str | None = None

    @property
    def domain(self) -> str:
        return self.id.split(".")[0]


class Taxonomy(BaseModel):
    """`domains` maps id → Chinese name; `matters` in catalogue order."""

    model_config = ConfigDict(frozen=True)

    version: int
    domains: dict[str, str]
    matters: tuple[Matter, ...]

    def matter(self, matter_id: str) -> Matter | None:
        return self._by_id().get(matter_id)

    def name_of(self, matter_id: str | None) -> str:
        found = self.matter(matter_id) if matter_id else None
        return found.name if found else ""

    def ids(self) -> tuple[str, ...]:
        return tuple(m.id for m in self.matters)

    @lru_cache(maxsize=1)  # noqa: B019  # one taxonomy lives as long as the process
    def _by_id(self) -> dict[str, Matter]:
        return {m.id: m for m in self.matters}

    def __hash__(self) -> int:
        return id(self)


def seconds(duration: str) -> int:
    """ "5min" → 300. Raises TaxonomyError for anything that is not a whole number of min, h or d."""
    found = re.fullmatch(r"(\d+)(min|h|d)", str(duration))
    if not found:
        raise TaxonomyError(f"duration {duration!r} is not like 15min, 4h or 3d")
    return int(found[1]) * _UNIT_S[found[2]]


def parse_taxonomy(raw: dict[str, Any]) -> Taxonomy:
    """A mapping as in taxonomy.yaml → Taxonomy. Raises TaxonomyError with the id that is wrong."""
    try:
        defaults, domains = dict(raw.get("defaults", {})), dict(raw["domains"])
        matters: list[Matter] = []
        for row in raw["matters"]:
            fields = {**defaults, **row}
            fields["respond_s"] = seconds(fields.pop("respond"))
            fields["resolve_s"] = seconds(fields.pop("resolve"))
            matter = Matter.model_validate(fields)
            if matter.domain not in domains:
                raise TaxonomyError(f"{matter.id}: the domain {matter.domain} is not listed under domains")
            if any(m.id == matter.id for m in matters):
                raise TaxonomyError(f"{matter.id} stands twice; ids are never reused")
            matters.append(matter)
        return Taxonomy(version=int(raw["version"]), domains=domains, matters=tuple(matters))
    except (KeyError, TypeError, ValidationError) as error:
        raise TaxonomyError(f"the catalogue cannot be read: {error}") from error


@lru_cache(maxsize=4)
def load_taxonomy(path: Path = DEFAULT_PATH) -> Taxonomy:
    try:
        return parse_taxonomy(yaml.safe_load(path.read_text(encoding="utf8")))
    except (OSError, yaml.YAMLError) as error:
        raise TaxonomyError(f"{path}: {error}") from error
