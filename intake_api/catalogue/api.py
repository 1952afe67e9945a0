"""The doors to the catalogue of matters."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from intake_api.catalogue import rules, service
from intake_api.contracts import CatalogueIn, CatalogueView
from intake_api.deps import Administrator, Now, Reader, Session

router = APIRouter(prefix="/v1", tags=["catalogue"])
Version = Annotated[int | None, Query(ge=1, le=1_000_000, description="An earlier version; the one in force when left out.")]


@router.get("/catalogue", summary="The catalogue of matters")
async def read_catalogue(_: Reader, session: Session, version: Version = None) -> CatalogueView:
    """Every matter with its level, units and times. Tickets name the version they were filed under, so old ones stay readable."""
    if version is None:
        return rules.as_view(await service.current_catalogue(session))
    return rules.as_view(await service.catalogue_version(session, version))


@router.put("/catalogue", summary="Publish the next version")
async def publish_catalogue(body: CatalogueIn, who: Administrator, session: Session, now: Now) -> CatalogueView:
    """The whole catalogue at once. No id may disappear: a matter that ends stays and names its heir in `replaced_by`."""
    return rules.as_view(await service.publish(session, body, who.id, now))
