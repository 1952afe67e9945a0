"""Publishing versions of the catalogue, and reading the one in force."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from functools import lru_cache
from typing import Any

import structlog
import yaml
from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from intake_api.catalogue import rules
from intake_api.catalogue.tables import CatalogueVersion
from intake_api.contracts import CatalogueIn
from intake_api.problems import conflict, invalid, not_found
from nlp.taxonomy import DEFAULT_PATH, Taxonomy, TaxonomyError, parse_taxonomy

log = structlog.get_logger()


_parsed: dict[str, Taxonomy] = {}  # by digest: a version never changes, so what was parsed once stays true
_KEPT = 16


async def current_catalogue(session: AsyncSession) -> Taxonomy:
    """The version in force. Raises 404 before the first start has published the default."""
    newest = select(CatalogueVersion.version, CatalogueVersion.digest).order_by(CatalogueVersion.version.desc()).limit(1)
    return await _read(session, newest)


async def catalogue_version(session: AsyncSession, version: int) -> Taxonomy:
    """An earlier version, or the one in force. Raises 404."""
    return await _read(session, select(CatalogueVersion.version, CatalogueVersion.digest).where(CatalogueVersion.version == version))


async def _read(session: AsyncSession, which: Select[int, str]) -> Taxonomy:
    found = (await session.execute(which)).first()
    if found is None:
        raise not_found("This version of the catalogue")
    version, digest = found
    if digest not in _parsed:
        body = await session.scalar(select(CatalogueVersion.body).where(CatalogueVersion.version == version))
        while len(_parsed) >= _KEPT:
            _parsed.pop(next(iter(_parsed)))
        _parsed[digest] = parse_taxonomy(body or {})
    return _parsed[digest]


def _row(body: dict[str, Any], by: str, now: datetime) -> CatalogueVersion:
    digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    return CatalogueVersion(version=body["version"], body=body, digest=digest, published_at=now, published_by=by)


async def publish(session: AsyncSession, wanted: CatalogueIn, by: str, now: datetime) -> Taxonomy:
    """The next version. Raises 409 `catalogue_changed` when another came between, 422 `catalogue_invalid` with the matter."""
    old = await current_catalogue(session)
    if wanted.based_on != old.version:
        detail = f"Version {old.version} is in force, this was edited from {wanted.based_on}; load it again and repeat the change."
        raise conflict("catalogue_changed", detail)
    try:
        body, new = rules.read_successor(old, wanted)
    except TaxonomyError as error:
        raise invalid("catalogue_invalid", " ".join(str(error).split())[:1000]) from error
    session.add(_row(body, by, now))
    await session.flush()
    log.info("catalogue.published", version=new.version, matters=len(new.matters))
    return new


@lru_cache(maxsize=1)
def _shipped() -> dict[str, Any]:
    body: dict[str, Any] = yaml.safe_load(DEFAULT_PATH.read_text(encoding="utf8"))
    parse_taxonomy(body)
    return body


async def ensure_default(session: AsyncSession, now: datetime) -> bool:
    """Publish the shipped catalogue when there is none; says whether it did."""
    if await session.scalar(select(func.count()).select_from(CatalogueVersion)):
        return False
    session.add(_row(_shipped(), "default", now))
    await session.flush()
    return True
