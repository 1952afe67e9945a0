"""Who sees what of a ticket: one table of fields by audience, and the one function that cuts a ticket down to it."""

from __future__ import annotations

from typing import Any, Literal

from intake_api.contracts import Judgement, PlaceView, Suggestion, TicketView
from intake_api.tickets.tables import Ticket
from nlp.taxonomy import Taxonomy

Eyes = Literal["staff", "elsewhere", "reporter", "public"]

_PUBLIC = frozenset(
    {
        "id", "number", "version", "state", "kind", "category", "category_name", "category_version", "urgency", "level",
        "first_seen_at", "accepted_at", "updated_at", "resolve_by", "affected_people", "affected_households",
        "affected_buildings", "closing_code", "public_reply",
    }
)  # fmt: skip
# PR3: what each audience sees. Staff of the area (or of a unit that holds it): everything, personal data masked.
SEEN: dict[Eyes, frozenset[str]] = {
    "staff": frozenset(TicketView.model_fields),
    "elsewhere": (_PUBLIC - {"public_reply"}) | {"lead_unit", "duplicate_of", "incident", "grid_duty"},
    "reporter": _PUBLIC | {"title", "state_note", "respond_by", "lead_unit", "rating", "duplicate_of", "recurs_from", "delicate"},
    "public": _PUBLIC,
}
# how near a place may be told: only its own staff need the door, a reporter knows the building, others the community
PLACE_SEEN: dict[Eyes, frozenset[str]] = {
    "staff": frozenset(PlaceView.model_fields),
    "elsewhere": frozenset({"grid", "community", "street"}),
    "reporter": frozenset({"estate", "building", "unit", "spot", "road", "grid", "community", "street"}),
    "public": frozenset({"community", "street"}),
}
# delicate and confidential tickets do not exist for these at all
SHUT_OUT: frozenset[Eyes] = frozenset({"elsewhere", "public"})
_EMPTY: dict[str, Any] = {"title": "", "description": "", "place": PlaceView(), "category": None}


def hidden(ticket: Ticket, eyes: Eyes) -> bool:
    return eyes in SHUT_OUT and (ticket.delicate or ticket.confidential)


def view(ticket: Ticket, taxonomy: Taxonomy, eyes: Eyes, moves: list[str] | None = None) -> TicketView:
    """The ticket as these eyes may see it; fields that are not for them are empty, not missing."""
    shown = {name: value for name, value in _fields(ticket, taxonomy).items() if name in SEEN[eyes]}
    place = ticket.place | {"grid": ticket.grid, "community": ticket.community, "street": ticket.street}
    shown["place"] = PlaceView.model_construct(**{name: value for name, value in place.items() if name in PLACE_SEEN[eyes]})
    shown["moves"] = moves or []
    return TicketView.model_construct(**{**_EMPTY, **shown})


def _fields(ticket: Ticket, taxonomy: Taxonomy) -> dict[str, Any]:
    fields = {name: getattr(ticket, name) for name in _COLUMNS}
    fields["category_name"] = taxonomy.name_of(ticket.category)
    judged = {**ticket.judgement, "top": [(matter, share) for matter, share in ticket.judgement.get("top", [])]}
    fields["judgement"] = Judgement.model_construct(**judged)
    fields["category_confidence"] = ticket.judgement.get("confidence", 0.0)
    fields["suggestions"] = [Suggestion.model_construct(**one) for one in ticket.suggestions]
    return fields


_DERIVED = {"category_name", "category_confidence", "judgement", "suggestions", "place", "moves"}
_COLUMNS = tuple(name for name in TicketView.model_fields if name not in _DERIVED)
