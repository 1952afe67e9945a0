"""What the demo finds on its first start: a grid with its group bound, and one account for every role."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from intake_api.catalogue.service import ensure_default
from intake_api.contracts import AreaIn, DocumentIn, GridIn, PersonRole
from intake_api.db import Database
from intake_api.grids.service import seed_sample
from intake_api.knowledge.service import add_documents, base_version
from intake_api.people.service import seed_accounts
from intake_api.settings import Settings
from nlp.readers import read_file
from nlp.taxonomy import load_taxonomy

_DOCUMENTS = Path(__file__).parent / "knowledge" / "sample"
_FACILITIES = "facility.streetlight"  # the demo's department is the one that leads this matter


async def seed(settings: Settings, password: str, grid: GridIn, channel: str, chat_id: str, title: str) -> str:
    """Seed an up-to-date database; what is there already stays. Returns the sign-in names for the demo to print.

    `password` is that of every demo account; it is stored as an argon2id hash.
    """
    now = datetime.now(UTC)
    db = Database(settings.database())
    try:
        async with db.writing() as session:
            await ensure_default(session, now)
            await seed_sample(session, grid, channel, chat_id, title, now)
            if not await base_version(session):  # what people changed since stays changed
                await add_documents(session, sample_documents(), "demo", now)
        roles = roles_of(grid)
        async with db.writing() as session:
            await seed_accounts(session, roles, password, now)
    finally:
        await db.close()
    return f"{' · '.join(roles)} / {password}"


def sample_documents() -> list[DocumentIn]:
    """The documents of the demo: written for it from general knowledge of public rules, and marked as a sample."""
    fields = set(DocumentIn.model_fields)
    found: list[DocumentIn] = []
    for path in sorted(_DOCUMENTS.iterdir()):
        read, _ = read_file(path.name, path.read_bytes())
        found += [DocumentIn(**{k: v for k, v in asdict(one).items() if k in fields}) for one in read]
    return found


def roles_of(grid: GridIn) -> dict[PersonRole, tuple[str, AreaIn]]:
    """One account a role, named after it, each with the area that goes with it around this grid."""
    named = {person.role: person.name for person in grid.staff}
    lead = load_taxonomy().matter(_FACILITIES)
    unit = lead.lead if lead else ""
    around = {"street": grid.street, "district": grid.district}
    return {
        "administrator": ("管理员", AreaIn()),
        "department": (unit, AreaIn(unit=unit)),
        "street": (grid.street, AreaIn(**around)),
        "community": (named.get("community", grid.community), AreaIn(community=grid.community, **around)),
        "grid": (named.get("grid_worker", grid.name), AreaIn(grid=grid.code)),
        "micro_worker": (named.get("micro_worker", grid.name), AreaIn(grid=grid.code)),
    }
