"""What makes a catalogue a lawful successor of the one before: no matter disappears, none comes back, none is renamed by id."""

from __future__ import annotations

from typing import Any

from intake_api.contracts import CatalogueIn, CatalogueView, MatterView
from nlp.taxonomy import Taxonomy, TaxonomyError, parse_taxonomy


def read_successor(old: Taxonomy, wanted: CatalogueIn) -> tuple[dict[str, Any], Taxonomy]:
    """The body to store and its meaning, as the version after `old`. Raises TaxonomyError naming the matter that is wrong."""
    body: dict[str, Any] = {
        "version": old.version + 1,
        "domains": dict(wanted.domains),
        "matters": [matter.model_dump(by_alias=True, exclude={"assist"}) | {"with": list(matter.assist)} for matter in wanted.matters],
    }
    new = parse_taxonomy(body)
    _check_none_disappears(old, new)
    _check_heirs(new)
    _check_duties(new)
    return body, new


def _check_none_disappears(old: Taxonomy, new: Taxonomy) -> None:
    kept = set(new.ids())
    for matter in old.matters:
        if matter.id not in kept:
            raise TaxonomyError(f"{matter.id} is missing; keep it and name its heir in replaced_by, tickets still point at it")
        successor = new.matter(matter.id)
        if matter.replaced_by and successor is not None and not successor.replaced_by:
            raise TaxonomyError(f"{matter.id} was retired; ids never come back, take a new one")


def _check_heirs(new: Taxonomy) -> None:
    for matter in new.matters:
        if matter.replaced_by is None:
            continue
        heir = new.matter(matter.replaced_by)
        if heir is None:
            raise TaxonomyError(f"{matter.id}: replaced_by names {matter.replaced_by}, which is not in the catalogue")
        if heir.replaced_by is not None:
            raise TaxonomyError(f"{matter.id}: replaced_by names {heir.id}, which is itself retired; name the last one")


def _check_duties(new: Taxonomy) -> None:
    for matter in new.matters:
        if matter.level == "grid" and not matter.grid_duty:
            raise TaxonomyError(f"{matter.id}: handled by the grid, yet not a grid duty; raise its level or make it a duty")


def as_view(taxonomy: Taxonomy) -> CatalogueView:
    matters = [
        MatterView(
            id=m.id,
            name=m.name,
            domain=m.domain,
            domain_name=taxonomy.domains[m.domain],
            level=m.level,
            lead=m.lead,
            assist=list(m.assist),
            says=list(m.says),
            respond_s=m.respond_s,
            resolve_s=m.resolve_s,
            grid_duty=m.grid_duty,
            counted=m.counted,
            emergency=m.emergency,
            call=m.call,
            replaced_by=m.replaced_by,
        )
        for m in taxonomy.matters
    ]
    return CatalogueView(version=taxonomy.version, matters=matters, domains=dict(taxonomy.domains))
