"""The policy base: documents in, passages out."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from intake_api.contracts.words import Wire

Short = Annotated[str, Field(max_length=300)]
QuestionState = Literal["open", "answered", "dismissed"]
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


class QuestionIn(Wire):
    """A question the base did not answer, or not well. `external_id` (channel:chat:message) makes it idempotent.

    `question` is masked. `ticket_id`: the enquiry it became, through which the asker is told.
    """

    external_id: Annotated[str, Field(min_length=1, max_length=300)]
    question: Annotated[str, Field(min_length=1, max_length=500)]
    reason: Literal["refused", "not_helpful"] = "refused"
    grid: Annotated[str, Field(max_length=100)] = ""
    ticket_id: Annotated[str, Field(max_length=36)] = ""
    at: AwareDatetime


class QuestionView(Wire):
    """The same words asked again are one question; `asked` counts how often."""

    id: int
    question: str
    reason: str
    grid: str
    ticket_id: str
    state: QuestionState
    asked: int
    first_at: AwareDatetime
    last_at: AwareDatetime
    answer: str = ""
    answered_by: str = ""


class QuestionPage(Wire):
    questions: list[QuestionView]


class QuestionAnswerIn(Wire):
    """A person's answer. `into_base`: from now on it is given word for word to whoever asks the same."""

    answer: Annotated[str, Field(max_length=4000)] = ""
    into_base: bool = False
    dismiss: bool = False


class VoteIn(Wire):
    """👍 or 👎 on an answer. One vote an `external_id` (channel:message:user); another of the same replaces it."""

    external_id: Annotated[str, Field(min_length=1, max_length=300)]
    question: Annotated[str, Field(min_length=1, max_length=500)]
    doc: Annotated[str, Field(min_length=1, max_length=200)]
    helpful: bool
    grid: Annotated[str, Field(max_length=100)] = ""
    at: AwareDatetime


class VotesView(Wire):
    """Votes on a document's answers so far."""

    doc: str
    helpful: int
    not_helpful: int
