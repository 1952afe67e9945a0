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
    edition: int = 1
    withdrawn: bool = False
    title: str = ""
    number: str = ""
    issuer: str = ""
    date: str = ""
    valid_from: str = ""
    valid_until: str = ""
    area: str = ""
    audience: str = ""
    added_at: AwareDatetime


class DocumentPage(Wire):
    """`cursor` "" on the last page."""

    documents: list[DocumentView]
    cursor: str = ""


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
    staff_only: bool = False
    curated_answer: str = ""


class PassagesView(Wire):
    """What changed in the base, in pages. `changed`: ids of documents whose every passage stands in `passages`; one without any is
    gone. `more`: ask again with this `cursor`. `whole`: this is the whole base, forget what you hold. `version`: what
    the caller has once the last page is read.
    """

    version: int
    whole: bool = False
    changed: list[str] = []
    passages: list[PassageView] = []
    cursor: str = ""

    @property
    def more(self) -> bool:
        return bool(self.cursor)


class AskerIn(Wire):
    """Where somebody asked, so that a person's answer finds the way back. It lies sealed until it was used."""

    channel: Annotated[str, Field(min_length=1, max_length=40)]
    chat_id: Annotated[str, Field(min_length=1, max_length=100)]
    message_id: Annotated[str, Field(max_length=100)] = ""
    thread_id: Annotated[str, Field(max_length=100)] = ""
    handle: Annotated[str, Field(max_length=100)] = ""
    private: bool = False


class QuestionIn(Wire):
    """A question the base did not answer, or not well. `external_id` (channel:chat:message) makes it idempotent.

    `question` is masked. `ticket_id`: the enquiry it became. `given`: the answer that was no help, and its document.
    """

    external_id: Annotated[str, Field(min_length=1, max_length=300)]
    question: Annotated[str, Field(min_length=1, max_length=500)]
    reason: Literal["refused", "not_helpful"] = "refused"
    grid: Annotated[str, Field(max_length=100)] = ""
    ticket_id: Annotated[str, Field(max_length=36)] = ""
    given: Annotated[str, Field(max_length=4000)] = ""
    given_doc: Annotated[str, Field(max_length=200)] = ""
    asker: AskerIn | None = None
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
    given: str = ""
    given_doc: str = ""
    answer: str = ""
    answered_by: str = ""


class QuestionPage(Wire):
    questions: list[QuestionView]


class QuestionAnswerIn(Wire):
    """A person's answer; everybody who asked is told. `into_base`: from now on it is given word for word to whoever asks the same
    in `area` ("" = anywhere). `everywhere`: the same open question of other grids is answered with it.
    """

    answer: Annotated[str, Field(max_length=4000)] = ""
    into_base: bool = False
    area: Short = ""
    everywhere: bool = False
    dismiss: bool = False


class VoteIn(Wire):
    """👍 or 👎 on an answer. One vote an `external_id` (channel:message:user); another of the same replaces it."""

    external_id: Annotated[str, Field(min_length=1, max_length=300)]
    question: Annotated[str, Field(min_length=1, max_length=500)]
    doc: Annotated[str, Field(min_length=1, max_length=200)]
    helpful: bool
    given: Annotated[str, Field(max_length=4000)] = ""
    asker: AskerIn | None = None
    grid: Annotated[str, Field(max_length=100)] = ""
    at: AwareDatetime


class VotesView(Wire):
    """Votes on a document's answers so far."""

    doc: str
    helpful: int
    not_helpful: int


# a Redis list of trials that every assistant takes from, and where the answer to one is put
TRIALS = "policy:trials"


def trial_answer_key(trial_id: str) -> str:
    return f"policy:trial:{trial_id}"


class TrialIn(Wire):
    """A question put to the base from the console, as a resident of `area` would; staff (`staff`) may see what is for them only."""

    id: str
    question: Annotated[str, Field(min_length=1, max_length=500)]
    area: str = ""
    staff: bool = False


class TrialHit(Wire):
    """A passage found, with what found it: places in the order by words, by meaning (0: not compared) and by both together.

    `left_out`: why it may not be cited (superseded, over, not_yet, elsewhere, staff_only); "" where it may.
    """

    doc: str
    title: str = ""
    clause: str = ""
    text: str = ""
    curated: bool = False
    words: list[str] = []
    by_words: int = 0
    by_meaning: int = 0
    by_both: int = 0
    left_out: str = ""


class TrialView(Wire):
    """What the assistant would say: `answer` "" where it refuses; `sure` how sure it is that the base holds the answer, `needed` how
    sure it must be. `version` of the base it looked in, `meaning`: whether passages were compared by meaning, too.
    """

    id: str
    version: int
    passages: int
    meaning: bool
    answer: str = ""
    source: str = ""
    link: str = ""
    doc: str = ""
    sure: float = 0.0
    needed: float = 0.0
    hits: list[TrialHit] = []
