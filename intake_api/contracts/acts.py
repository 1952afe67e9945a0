"""Everything that moves or marks a ticket."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictBool

from intake_api.contracts.tickets import PlaceIn
from intake_api.contracts.words import ClosingCode, Level, Moment, Wire, Words


class ActBase(Wire):
    """`key` makes the act idempotent: the same key is done once. `as_handle` names the person pressing in a chat (channel:id),
    resolved against the staff register; services acting by themselves leave it empty.
    """

    key: Annotated[str, Field(max_length=300)] = ""
    as_handle: Annotated[str, Field(max_length=300)] = ""
    reason: Annotated[str, Field(max_length=1000)] = ""


class Confirm(ActBase):
    act: Literal["confirm"]


class Reject(ActBase):
    act: Literal["reject"]


class Recategorise(ActBase):
    act: Literal["recategorise"]
    category: str


class CorrectPlace(ActBase):
    act: Literal["correct_place"]
    place: PlaceIn


class Merge(ActBase):
    act: Literal["merge"]
    into: str


class Unmerge(ActBase):
    act: Literal["unmerge"]


class SelfHandle(ActBase):
    act: Literal["self_handle"]


class Dispatch(ActBase):
    act: Literal["dispatch"]
    unit: str = ""
    level: Level | None = None


class Sign(ActBase):
    act: Literal["sign"]


class Start(ActBase):
    act: Literal["start"]


class AskInfo(ActBase):
    act: Literal["ask_info"]
    question: Annotated[str, Field(min_length=1, max_length=500)]


class GiveInfo(ActBase):
    act: Literal["give_info"]
    text: Words = ""


class Return(ActBase):
    act: Literal["return"]


class RequestExtension(ActBase):
    act: Literal["request_extension"]
    until: Moment


class DecideExtension(ActBase):
    act: Literal["decide_extension"]
    granted: StrictBool


class Escalate(ActBase):
    act: Literal["escalate"]


class Finish(ActBase):
    act: Literal["finish"]
    closing_code: ClosingCode
    public_reply: Words


class Answer(ActBase):
    """What an enquiry asked is answered by a person: the answer is its result, whoever held it."""

    act: Literal["answer"]
    public_reply: Words


class AskBack(ActBase):
    """Begin the call-back: the reporters are asked whether it is solved."""

    act: Literal["ask_back"]


class Rate(ActBase):
    """The reporter's answer (as_handle is the reporter)."""

    act: Literal["rate"]
    solved: StrictBool
    satisfied: StrictBool = True
    reasons: list[str] = []


class CallBack(ActBase):
    """A person's call-back where the reporters stay silent."""

    act: Literal["call_back"]
    solved: StrictBool
    satisfied: StrictBool = True


class Archive(ActBase):
    act: Literal["archive"]


class Reopen(ActBase):
    act: Literal["reopen"]


class Decline(ActBase):
    act: Literal["decline"]


class Transfer(ActBase):
    act: Literal["transfer"]
    to: Annotated[str, Field(min_length=1, max_length=200)]


class Withdraw(ActBase):
    act: Literal["withdraw"]


class Note(ActBase):
    """Acts that are not moves: note, urge (催办), supervise (督办), public reply, add a unit."""

    act: Literal["note", "urge", "supervise", "reply", "add_unit"]
    text: Words = ""
    unit: str = ""


Act = Annotated[
    Confirm
    | Reject
    | Recategorise
    | CorrectPlace
    | Merge
    | Unmerge
    | SelfHandle
    | Dispatch
    | Sign
    | Start
    | AskInfo
    | GiveInfo
    | Return
    | RequestExtension
    | DecideExtension
    | Escalate
    | Finish
    | Answer
    | AskBack
    | Rate
    | CallBack
    | Archive
    | Reopen
    | Decline
    | Transfer
    | Withdraw
    | Note,
    Field(discriminator="act"),
]
