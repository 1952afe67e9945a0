"""The policy base: documents in, passages out."""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, Field

from intake_api.contracts.words import Wire

Short = Annotated[str, Field(max_length=300)]
Day = Annotated[str, Field(pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2})?$")]


class DocumentIn(Wire):
    """A document, or (question, answer) `pairs` that are given word for word. What is left out is read off the text.

    Dates are YYYY-MM-DD. `supersedes` names documents by id, number or title; `area` is 市/区/街道/社区.
    """

    id: Annotated[str, Field(min_length=1, max_length=200)]
    text: Annotated[str, Field(max_length=900_000)] = ""
    title: Short = ""
    number: Short = ""
    issuer: Short = ""
    date: Day = ""
    valid_from: Day = ""
    valid_until: Day = ""
    supersedes: Annotated[tuple[Short, ...], Field(max_length=50)] = ()
    area: Short = ""
    audience: Short = ""
    link: Annotated[str, Field(max_length=2000)] = ""
    pairs: Annotated[tuple[tuple[str, str], ...], Field(max_length=2000)] = ()


class DocumentsIn(Wire):
    documents: Annotated[tuple[DocumentIn, ...], Field(min_length=1, max_length=200)]


class DocumentView(Wire):
    id: str
    title: str = ""
    number: str = ""
    issuer: str = ""
    date: str = ""
    valid_from: str = ""
    valid_until: str = ""
    area: str = ""
    link: str = ""
    added_at: AwareDatetime


class KnowledgeView(Wire):
    """The version of the base after a change, and how many documents changed it."""

    version: int
    changed: int


class PassageView(Wire):
    """As nlp.schema.Passage."""

    id: str
    doc: str
    text: str
    title: str = ""
    number: str = ""
    issuer: str = ""
    date: str = ""
    clause: str = ""
    link: str = ""
    valid_from: str = ""
    valid_until: str = ""
    superseded_by: str = ""
    area: str = ""
    curated_answer: str = ""


class PassagesView(Wire):
    """`passages` null: the base is still at the version asked about."""

    version: int
    passages: list[PassageView] | None = None
