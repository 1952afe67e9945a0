"""The client says exactly what the API said, or why it could not."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import httpx
import pytest
from PIL import Image
from pydantic import TypeAdapter

from bot.assistant.ports import Intake
from bot.channels.delivery import Evidence
from intake_api.client import OPEN_STATES, IntakeClient, IntakeError
from intake_api.contracts import (
    Act,
    BindIn,
    ChatSettings,
    GridIn,
    LinkIn,
    MigrateIn,
    ReportIn,
    SupplementIn,
)
from intake_api.tickets.moves import OPEN
from tests.intake_api.doors import TOKEN, Connect, report

ACT: TypeAdapter[Act] = TypeAdapter(Act)


def filed(external_id: str = "web:g-heron:1", **changes: object) -> ReportIn:
    return ReportIn.model_validate(report(external_id, **changes))


def answering(answer: Callable[[httpx.Request], httpx.Response]) -> IntakeClient:
    return IntakeClient("http://intake.test/", TOKEN, httpx.AsyncClient(transport=httpx.MockTransport(answer)))


def test_it_is_what_the_assistant_and_the_channels_ask_for(intake: IntakeClient) -> None:
    def needs(_: Intake, __: Evidence) -> None: ...

    needs(intake, intake)  # mypy holds the rest
    for port in (Intake, Evidence):
        for name in vars(port):
            assert name.startswith("_") or callable(getattr(intake, name))


async def test_a_ticket_from_first_word_to_confirmation(intake: IntakeClient, grid: GridIn) -> None:
    receipt = await intake.create_report(filed())
    assert (receipt.outcome, receipt.ticket.state) == ("opened", "candidate")
    assert (await intake.create_report(filed())).outcome == "already"
    words = {"external_id": "web:g-heron:2", "at": "2026-06-02T16:35:00+08:00", "masked": "就在单元门口", "text": "就在单元门口"}
    said = SupplementIn.model_validate({**words, "reporter": {"channel": "web", "handle": "resident-7"}})
    assert (await intake.add_supplement(receipt.ticket.id, said)).id == receipt.ticket.id
    pressed = ACT.validate_python({"act": "confirm", "key": "press-1", "as_handle": "web:mo"})
    assert (await intake.act(receipt.ticket.id, pressed)).state != "candidate"
    detail = await intake.ticket(receipt.ticket.id)
    assert len(detail.messages) == 2
    assert [one.id for one in await intake.open_tickets("web", "g-heron")] == [receipt.ticket.id]
    assert [one.id for one in await intake.tickets_of("web:resident-7")] == [receipt.ticket.id]
    assert await intake.forget("web:resident-7") > 0
    assert await intake.tickets_of("web:resident-7") == []


async def test_open_tickets_come_from_every_page(intake: IntakeClient, grid: GridIn, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        await intake.create_report(filed(f"web:g-heron:{number}"))
    whole = intake.tickets

    async def small(**wanted: object) -> object:
        return await whole(**{**wanted, "limit": 2})  # type: ignore[arg-type]

    monkeypatch.setattr(intake, "tickets", small)
    assert len({one.id for one in await intake.open_tickets("web", "g-heron")}) == 5


def test_open_is_whatever_is_not_settled() -> None:
    assert set(OPEN_STATES) == set(OPEN)


async def test_chats_staff_and_grids(intake: IntakeClient, grid: GridIn) -> None:
    assert (await intake.chat("telegram", "-1")).grid is None
    assert (await intake.chat("web", "g-heron")).grid is not None
    assert (await intake.set_chat_settings("web", "g-heron", ChatSettings(muted=True))).settings.muted
    moved = await intake.migrate_chat(MigrateIn(channel="web", from_chat_id="g-heron", to_chat_id="群/1 ?"))
    assert (await intake.chat("web", "群/1 ?")).grid == moved.grid
    assert [one.code for one in await intake.grids()] == [grid.code]
    assert (await intake.grid(grid.code)).staff[0].handles == ["web:mo"]
    assert (await intake.catalogue()).version == 1


async def test_refusals_keep_their_code_and_words(intake: IntakeClient) -> None:
    refused = [
        (intake.bind_chat(BindIn(channel="web", chat_id="g", code="X", by_handle="web:1")), 403, "code_unknown"),
        (intake.link_staff(LinkIn(token="x", channel="web", handle="1")), 403, "code_unknown"),
        (intake.ticket("no-such-ticket"), 404, "not_found"),
        (intake.start_link("heron-mo"), 403, "forbidden"),
        (intake.media("0" * 64), 404, "not_found"),
    ]
    for call, status, code in refused:
        with pytest.raises(IntakeError) as caught:
            await call
        assert (caught.value.status, caught.value.code, caught.value.retryable) == (status, code, False)
        assert caught.value.detail


async def test_evidence_goes_and_comes_back(intake: IntakeClient, grid: GridIn) -> None:
    ticket = (await intake.create_report(filed())).ticket
    out = BytesIO()
    Image.new("RGB", (20, 10), "teal").save(out, "PNG")
    kept = await intake.add_media(ticket.id, out.getvalue(), "image/png", "web:g-heron:3", message_id="3")
    assert await intake.add_media(ticket.id, out.getvalue(), "image/png", "web:g-heron:3") == kept
    data, mime = await intake.media(kept.sha256)
    assert (len(data), mime) == (kept.size, "image/jpeg")
    with pytest.raises(IntakeError) as caught:
        await intake.add_media(ticket.id, b"no picture", "image/png", "web:g-heron:4")
    assert caught.value.code == "broken_media"


async def test_a_wrong_token_is_not_worth_a_retry(connect: Connect) -> None:
    with pytest.raises(IntakeError) as caught:
        await IntakeClient("http://intake.test", "wrong", connect()).grids()
    assert (caught.value.code, caught.value.status, caught.value.retryable) == ("unauthorised", 401, False)


@pytest.mark.parametrize(("error", "code"), [(httpx.ConnectError("no"), "unreachable"), (httpx.ReadTimeout("slow"), "timeout")])
async def test_the_network_is_a_reason_to_try_again_but_nothing_is_tried_in_secret(error: Exception, code: str) -> None:
    calls = []

    def fail(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        raise error

    with pytest.raises(IntakeError) as caught:
        await answering(fail).create_report(filed())
    assert (caught.value.code, caught.value.status, caught.value.retryable) == (code, 0, True)
    assert len(calls) == 1


@pytest.mark.parametrize(("status", "retryable"), [(502, True), (503, True), (404, False)])
async def test_a_proxy_in_between_is_no_problem_document(status: int, retryable: bool) -> None:
    with pytest.raises(IntakeError) as caught:
        await answering(lambda _: httpx.Response(status, text="<html>Bad Gateway</html>")).chat("web", "g")
    assert (caught.value.code, caught.value.retryable) == (f"http_{status}", retryable)


async def test_a_newer_api_may_say_more_and_nonsense_is_an_error() -> None:
    more = {"channel": "web", "chat_id": "g", "grid": None, "weather": "fine"}
    assert (await answering(lambda _: httpx.Response(200, json=more)).chat("web", "g")).chat_id == "g"
    with pytest.raises(IntakeError) as caught:
        await answering(lambda _: httpx.Response(200, text="[]")).chat("web", "g")
    assert caught.value.code == "unreadable_answer"


async def test_it_closes_its_own_connections_and_no_others() -> None:
    given = httpx.AsyncClient()
    async with IntakeClient("http://intake.test", TOKEN, given):
        pass
    assert not given.is_closed
    await given.aclose()
    async with IntakeClient("http://intake.test", TOKEN) as own:
        pass
    assert own._http.is_closed
