"""The title of a matter (UN11): place and fault, at most twenty characters, never a name, a room or a phone."""

from __future__ import annotations

from nlp.schema import Place

LIMIT = 20


def title_of(place: Place, matter_name: str, masked: str) -> str:
    """ "3栋2单元电梯故障". Without a matter the message's own masked opening stands for the fault."""
    fault = matter_name or " ".join(masked.split()) or "未分类事项"
    where = _where(place)
    if len(where) + len(fault) > LIMIT:
        where = where[: max(0, LIMIT - len(fault))] if len(fault) < LIMIT - 2 else ""
    return (where + fault)[:LIMIT]


def _where(place: Place) -> str:
    number = (f"{place.building}栋" if place.building else "") + (f"{place.unit}单元" if place.unit else "")
    if number:
        return number
    return place.spot or place.road or place.estate or ""
