"""The card a worker confirms with one tap, and its menus: category (two levels), place, merge, reject with a reason."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from bot.cards.actions import short, write
from bot.cards.phrases import deadline, note_words, place_words, state_name
from bot.channels.contract import Button
from bot.wording import options, say
from intake_api.contracts import TicketView
from nlp.taxonomy import Taxonomy

Rows = tuple[tuple[Button, ...], ...]

# acts of the API that a card shows as one button each, in this order
_ONE_TAP = (("confirm", "ok"), ("self_handle", "self"), ("sign", "sign"), ("start", "start"))
_SUGGESTED = 5
_MERGES = 3


def card_id(ticket_id: str) -> str:
    return f"w:{ticket_id}"


def text(ticket: TicketView, zone: ZoneInfo) -> str:
    """Everything a worker needs to decide, masked, most important first."""
    lines = [_head(ticket), say("card/title", category=ticket.category_name or say("card/no_category"), title=ticket.title)]
    place = place_words(ticket.place)
    lines.append(say("card/place", place=place) if place else say("card/place_unknown"))
    if ticket.description:
        lines.append(say("card/said", text=ticket.description))
    if ticket.affected_people > 1:
        lines.append(say("card/count", people=ticket.affected_people, households=ticket.affected_households))
    if ticket.urgency == "emergency" and ticket.judgement.call:
        lines.append(say("card/call", call=ticket.judgement.call))
    if ticket.state == "candidate":
        if not ticket.judgement.accepted and ticket.decided_by in ("model", "rules"):
            lines.append(say("card/unsure"))
        lines += [say("card/suggestion", number=s.number, reasons="、".join(s.reasons)) for s in ticket.suggestions[:1]]
    elif ticket.resolve_by:
        lines.append(state_name(ticket.state) + deadline(ticket.resolve_by, zone))
    lines.append(note_words(ticket))
    return "\n".join(line for line in lines if line)


def _head(ticket: TicketView) -> str:
    if ticket.urgency == "emergency":
        return say("card/head_urgent", number=ticket.number)
    if ticket.state == "candidate":
        return say("card/head_candidate", number=ticket.number)
    return say("card/head", state=state_name(ticket.state), number=ticket.number)


def buttons(ticket: TicketView) -> Rows:
    """What the worker may do now; `ticket.moves` comes from the API, so no button promises what will be refused."""
    moves = set(ticket.moves)
    rows: list[tuple[Button, ...]] = []
    one_tap = tuple(Button(label=say(f"button/{act}"), action=write(verb, ticket.id)) for act, verb in _ONE_TAP if act in moves)
    if "finish" in moves:
        one_tap += (Button(label=say("button/finish"), action=write("fin", ticket.id)),)
    if one_tap:
        rows += [one_tap[i : i + 2] for i in range(0, len(one_tap), 2)]
    if ticket.state == "candidate" and "merge" in moves and ticket.suggestions:
        first = ticket.suggestions[0]
        label = say("button/merge", number=first.number)
        rows.append((Button(label=label, action=write("mg", ticket.id, short(first.ticket_id))),))
    changes = []
    if "recategorise" in moves:
        changes.append(Button(label=say("button/category"), action=write("cat", ticket.id)))
    if "correct_place" in moves:
        changes.append(Button(label=say("button/place"), action=write("pl", ticket.id)))
    if "reject" in moves:
        changes.append(Button(label=say("button/reject"), action=write("no", ticket.id)))
    if changes:
        rows.append(tuple(changes))
    return tuple(rows)


def reject_menu(ticket: TicketView) -> Rows:
    reasons = tuple((Button(label=words, action=write("no", ticket.id, code)),) for code, words in options("reject").items())
    return (*reasons, _back(ticket))


def category_menu(ticket: TicketView, taxonomy: Taxonomy) -> Rows:
    """First level: what the model thinks likely (one more tap and it is done), then the domains."""
    likely = [m for m, _ in ticket.judgement.top if m != ticket.category and taxonomy.matter(m)][:_SUGGESTED]
    rows: list[tuple[Button, ...]] = [(Button(label=taxonomy.name_of(m), action=write("cat", ticket.id, m)),) for m in likely]
    domains = [Button(label=f"{name} ›", action=write("cat", ticket.id, d)) for d, name in taxonomy.domains.items()]
    rows += [tuple(domains[i : i + 2]) for i in range(0, len(domains), 2)]
    return (*rows, _back(ticket))


def domain_menu(ticket: TicketView, domain: str, taxonomy: Taxonomy) -> Rows:
    """Second level: the matters of one domain."""
    matters = [m for m in taxonomy.matters if m.domain == domain and not m.replaced_by]
    labels = [Button(label=m.name, action=write("cat", ticket.id, m.id)) for m in matters]
    rows = [tuple(labels[i : i + 2]) for i in range(0, len(labels), 2)]
    return (*rows, (Button(label=say("button/back"), action=write("cat", ticket.id)),))


def words_menu(ticket: TicketView) -> Rows:
    """While the worker's words are awaited: the way back."""
    return (_back(ticket),)


def _back(ticket: TicketView) -> tuple[Button, ...]:
    return (Button(label=say("button/back"), action=write("show", ticket.id)),)
