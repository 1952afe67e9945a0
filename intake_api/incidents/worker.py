"""Looks after the city's open tickets: ties what several groups tell of one trouble, and shows workers what other groups told of.

It follows the tickets' changes in the database, so a restart loses nothing: the index is rebuilt from open tickets and their kept
vectors, and whatever is recent is looked at once more. Of several processes one does it; the others wait for its lease to end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Row, Select, select, tuple_
from sqlalchemy.exc import DBAPIError

from intake_api.contracts import Suggestion
from intake_api.db import Database
from intake_api.incidents import queries, rules, service
from intake_api.incidents.tables import TicketVector
from intake_api.incidents.vectors import Vectors
from intake_api.outbox.lease import Holding
from intake_api.settings import Settings
from intake_api.tickets.desk import Desk, open_desk
from intake_api.tickets.moves import LAID_DOWN, SYSTEM
from intake_api.tickets.queries import locked
from intake_api.tickets.tables import Ticket
from intake_api.tickets.telling import tell_workers
from intake_api.vault import Vault
from nlp.match_rules import load_rules as load_match_rules
from nlp.matter_index import Entry, MatterIndex
from nlp.schema import Place
from nlp.taxonomy import Taxonomy

CHUNK = 1000
# a change may become visible this long after the moment it bears; what was read in it already is known by its version
OVERLAP = timedelta(seconds=30)
ENCODED_A_LOOK = 64
READ_TOGETHER = 50
KIN, SHOWN = 100, 3
_SETTLED = LAID_DOWN | {"done", "callback"}
_COLUMNS = (
    Ticket.id, Ticket.version, Ticket.state, Ticket.category, Ticket.place, Ticket.community, Ticket.street, Ticket.updated_at,
    Ticket.first_seen_at, Ticket.incident, Ticket.delicate, Ticket.confidential, Ticket.title, Ticket.description, Ticket.suggestions,
    TicketVector.encoder, TicketVector.digest, TicketVector.vector,
)  # fmt: skip
log = structlog.get_logger()


class Watch:
    """One process's view of the city. `look` is called again and again."""

    def __init__(self, db: Database, settings: Settings, vault: Vault, owner: str, clock: Callable[[], datetime]) -> None:
        self._db, self._settings, self._vault, self._clock = db, settings, vault, clock
        self._holding = Holding(db, "incidents", owner, clock)
        self._vectors = Vectors(settings.models_dir)
        self._index: MatterIndex | None = None
        self._since: datetime | None = None
        self._read: dict[str, tuple[int, datetime]] = {}
        self._unencoded: dict[str, tuple[Entry, str]] = {}
        self._waiting: dict[str, None] = {}

    async def look(self) -> int:
        """Read what has changed and do what follows from it; how many tickets were tied or shown to be alike."""
        if not await self._holding.held():
            return 0
        now = self._clock()
        self._waiting |= dict.fromkeys(await self._follow(now))
        await self._encode()
        done = 0
        while self._waiting:
            done += await self._consider_some(now)
        return done

    async def give_up(self) -> None:
        await self._holding.give_up()

    def __len__(self) -> int:
        return len(self._index) if self._index else 0

    # ---- following the changes --------------------------------------------------------------------------------------
    async def _follow(self, now: datetime) -> list[str]:
        """Bring the index up to date; the ids of tickets to be looked at, the oldest first."""
        if self._index is None:
            self._index = MatterIndex(await self._vectors.dimensions(), load_match_rules().window_h)
        since = self._since or now - timedelta(hours=max(load_match_rules().windows_h.values()))
        first, after, found = self._since is None, (since - OVERLAP, ""), []
        while True:
            async with self._db.reading() as session:
                rows = list(await session.execute(_changed(after, open_only=first)))
                wanted = [row.id for row in rows if self._read.get(row.id, (0, since))[0] < row.version]
                fresh = list(await session.execute(_whole(wanted))) if wanted else []
            self._take(fresh)
            found += [row.id for row in fresh if _is_of_interest(row, now)]
            if len(rows) < CHUNK:
                break
            after = (rows[-1].updated_at, rows[-1].id)
        self._since = max([since, *(at for _, at in self._read.values())]) if self._read else now
        self._read = {i: seen for i, seen in self._read.items() if seen[1] >= self._since - 2 * OVERLAP}
        if first:
            log.info("incidents.index_built", tickets=len(self), to_encode=len(self._unencoded), to_look_at=len(found))
        return found

    def _take(self, rows: Sequence[Row[tuple[object, ...]]]) -> None:
        assert self._index is not None  # noqa: S101  # made by the caller
        entries = []
        for row in rows:
            self._read[row.id] = (row.version, row.updated_at)
            if row.state in _SETTLED or not row.street:
                self._index.remove(row.id)
                self._unencoded.pop(row.id, None)
                continue
            text = row.description or row.title
            vector = self._vectors.kept(row.encoder, row.digest, row.vector, text)
            place = queries.place_of(row.place)
            entry = Entry(row.id, row.street, f"{row.street}/{row.community}", row.category, place, row.updated_at, vector)
            entries.append(entry)
            if vector is None and self._vectors.can_encode and text:
                self._unencoded[row.id] = (entry, text)
        self._index.put(entries)

    async def _encode(self) -> None:
        """The newest first, a few a look: a backlog must not keep others waiting."""
        assert self._index is not None  # noqa: S101  # made before
        batch = [self._unencoded.popitem()[1] for _ in range(min(ENCODED_A_LOOK, len(self._unencoded)))]
        if not batch:
            return
        vectors = await self._vectors.encode([text for _, text in batch])
        self._index.put(
            Entry(e.id, e.area, e.block, e.category, e.place, e.last_at, v) for (e, _), v in zip(batch, vectors, strict=True)
        )  # fmt: skip
        async with self._db.writing() as session:
            await queries.keep_vectors(session, [self._vectors.row(e.id, text, v) for (e, text), v in zip(batch, vectors, strict=True)])

    async def _consider_some(self, now: datetime) -> int:
        """As many tickets in one reading as need no change; whoever follows a change must see it. How many tickets that touched."""
        async with self._db.reading() as session:
            desk = await open_desk(session, self._settings, self._vault, now)
            for ticket_id in list(self._waiting)[:READ_TOGETHER]:
                del self._waiting[ticket_id]
                try:
                    touched = await self._consider(desk, ticket_id)
                except DBAPIError:
                    self._waiting[ticket_id] = None  # again at the next look, after the others
                    raise
                if touched:
                    return touched
        return 0

    async def _consider(self, desk: Desk, ticket_id: str) -> int:
        """Tie a ticket to others, else show its worker what other groups told of the same spot; how many tickets that touched."""
        ticket = await desk.session.get(Ticket, ticket_id)
        if ticket is None or not (_may_be_tied(ticket) or _may_be_shown(ticket)):
            return 0
        voice, parted = queries.voice_of(ticket), await queries.parted_from(desk.session, ticket_id)
        if _may_be_tied(ticket) and (tied := await self._gather(desk, ticket, voice, parted)):
            return tied
        shown = await self._alike(desk, ticket, voice, parted) if _may_be_shown(ticket) else []
        return await self._show(ticket_id, shown, desk.now) if shown else 0

    # ---- one incident ----------------------------------------------------------------------------------------------
    async def _gather(self, desk: Desk, ticket: Ticket, voice: rules.Voice, parted: set[str]) -> int:
        """Tie a ticket to the incident it belongs to, or open one when enough groups tell of it; how many tickets were tied."""
        for incident in await queries.open_in(desk.session, ticket.street, str(ticket.category)):
            if ticket.id in incident.parted:
                return 0
            within = rules.Scope(incident.grid, incident.community, incident.street, incident.district)
            told = queries.speaking(await queries.tickets_of(desk.session, incident.id))
            if not parted & {v.id for v in told} and rules.belongs(voice, within, told, desk.taxonomy):
                return await self._tie(incident.id, ticket.id, desk.now)
        kin = await self._kin(desk, ticket, voice, parted)
        return await self._open([ticket.id, *kin], desk.now) if kin else 0

    async def _kin(self, desk: Desk, ticket: Ticket, voice: rules.Voice, parted: set[str]) -> list[str]:
        """Other tickets of the neighbourhood that tell of the same; none when they are too few."""
        assert self._index is not None  # noqa: S101  # made before
        hours = rules.hours_of(ticket.category) or 0.0
        near = self._index.query(
            ticket.street, ticket.updated_at, Place(), vector=await self._vectors.of(voice.text), categories=[str(ticket.category)],
            within_h=hours, limit=KIN,
        )  # fmt: skip
        rows = await queries.tickets(desk.session, {one.id for one in near} - {ticket.id} - parted)
        taken_out = {i for one in await queries.open_in(desk.session, ticket.street, str(ticket.category)) for i in one.parted}
        kin = [queries.voice_of(row) for row in rows if _may_be_tied(row) and row.id not in taken_out]
        kin = [v for v in kin if rules.are_neighbours(voice, v) and rules.same_trouble(voice, v, desk.taxonomy)]
        return [v.id for v in kin] if rules.is_wide_enough([voice, *kin]) else []

    async def _open(self, ids: Sequence[str], now: datetime) -> int:
        async with self._db.writing() as session:
            tickets = [t for t in (await locked(session, *ids)).values() if _may_be_tied(t)]
            voices = [queries.voice_of(t) for t in tickets]
            if not rules.is_wide_enough(voices):
                return 0  # one of them was settled or tied meanwhile
            await service.open_by_rule(await open_desk(session, self._settings, self._vault, now), tickets, voices)
            return len(tickets)

    async def _tie(self, incident_id: str, ticket_id: str, now: datetime) -> int:
        async with self._db.writing() as session:
            incident = await queries.locked(session, incident_id)
            ticket = (await locked(session, ticket_id)).get(ticket_id)
            if incident is None or incident.state != "open" or ticket_id in incident.parted or ticket is None or not _may_be_tied(ticket):
                return 0
            desk = await open_desk(session, self._settings, self._vault, now)
            await service.put_into(desk, incident, ticket, SYSTEM)
            await service.announce(desk, incident)
            return 1

    # ---- the same matter told in two groups -------------------------------------------------------------------------
    async def _alike(self, desk: Desk, ticket: Ticket, voice: rules.Voice, parted: set[str]) -> list[Suggestion]:
        """What other groups told of the same spot."""
        assert self._index is not None  # noqa: S101  # made before
        near = self._index.query(
            ticket.street, ticket.updated_at, voice.place, vector=await self._vectors.of(voice.text),
            block=f"{ticket.street}/{ticket.community}",
        )  # fmt: skip
        rows = await queries.tickets(desk.session, {one.id for one in near} - {ticket.id} - parted)
        return _alike(voice, [r for r in rows if not (r.delicate or r.confidential) and r.state not in _SETTLED], desk.taxonomy)

    async def _show(self, ticket_id: str, shown: list[Suggestion], now: datetime) -> int:
        """Put them on the ticket for its worker."""
        async with self._db.writing() as session:
            ticket = (await locked(session, ticket_id))[ticket_id]
            if ticket.state == "candidate" and not ticket.suggestions:
                ticket.suggestions = [one.model_dump() for one in shown]
                ticket.version += 1
                ticket.updated_at = now
                await tell_workers(await open_desk(session, self._settings, self._vault, now), ticket)
        return 1


def _alike(voice: rules.Voice, rows: Iterable[Ticket], taxonomy: Taxonomy) -> list[Suggestion]:
    found = []
    for row in rows:
        other = queries.voice_of(row)
        if set(other.chats) & set(voice.chats):
            continue  # of one group: the assistant has compared them
        match = rules.looks_the_same(voice, other, taxonomy)
        if match is not None:
            found.append(
                Suggestion(ticket_id=row.id, number=row.number, probability=round(match.probability, 4), reasons=list(match.reasons))
            )
    return sorted(found, key=lambda one: (-one.probability, one.ticket_id))[:SHOWN]


def _changed(after: tuple[datetime, str], open_only: bool) -> Select[str, int, datetime]:
    """No more than tells whether a change is known already: of those within OVERLAP most are."""
    found = select(Ticket.id, Ticket.version, Ticket.updated_at)
    found = found.where(tuple_(Ticket.updated_at, Ticket.id) > tuple_(*after)).order_by(Ticket.updated_at, Ticket.id).limit(CHUNK)
    return found.where(Ticket.state.not_in(_SETTLED)) if open_only else found


def _whole(ids: Sequence[str]) -> Select[tuple[object, ...]]:
    found = select(*_COLUMNS).outerjoin(TicketVector, TicketVector.ticket_id == Ticket.id)
    return found.where(Ticket.id.in_(ids)).order_by(Ticket.updated_at, Ticket.id)


def _is_of_interest(row: Row[tuple[object, ...]], now: datetime) -> bool:
    """Whether a changed ticket may still be tied, or shown to be like another: recent, and nothing of the kind has happened yet."""
    if row.state in _SETTLED or row.incident or row.delicate or row.confidential or not row.street:
        return False
    hours = rules.hours_of(row.category)
    return now - row.first_seen_at < timedelta(hours=hours or 24) and (hours is not None or _may_be_shown(row))


def _may_be_shown(ticket: Ticket | Row[tuple[object, ...]]) -> bool:
    return ticket.state == "candidate" and not (ticket.suggestions or ticket.delicate or ticket.confidential)


def _may_be_tied(ticket: Ticket) -> bool:
    open_and_free = ticket.state not in _SETTLED and ticket.incident is None and bool(ticket.street)
    return open_and_free and not ticket.delicate and not ticket.confidential and rules.hours_of(ticket.category) is not None
