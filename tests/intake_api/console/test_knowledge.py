"""制度文库 and 未答好的问题: files with a result each, editions, areas, pairs, answers that reach the base."""

from __future__ import annotations

import io
import re
from typing import Any
from urllib.parse import quote

import docx
import httpx
import pytest
from sqlalchemy import select

from intake_api.client import IntakeClient
from intake_api.console.frame import words
from intake_api.contracts import NEWS, AskerIn, GridIn, QuestionAnswered, QuestionIn, VoteIn
from intake_api.outbox.tables import Outbox
from tests.intake_api.doors import Clock, Connect, SignIn, report

PETS = "听雨街道养犬须知\n第一条 养犬应当登记，登记免费。\n第二条 遛犬应当牵绳，并带走粪便。"


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """The pages ask nothing that the rooms behind them have not been tested with on both databases."""
    return sqlite_url


def page_of(id: str) -> str:
    return f"/console/knowledge/documents/{quote(id, safe='')}"


async def post(http: httpx.AsyncClient, path: str, referer: str = "/console/knowledge", **fields: Any) -> httpx.Response:
    """Send a form as the browser does, with the page's token."""
    csrf = re.search(r'name="csrf" value="([^"]+)"', (await http.get("/console/knowledge")).text)
    assert csrf
    http.headers.pop("X-CSRF-Token", None)
    headers = {"Referer": f"http://intake.test{referer}"}
    return await http.post(path, data={"csrf": csrf[1], **fields}, headers=headers, follow_redirects=True)


async def upload(http: httpx.AsyncClient, *files: tuple[str, bytes], **fields: str) -> str:
    csrf = re.search(r'name="csrf" value="([^"]+)"', (await http.get("/console/knowledge/files")).text)
    assert csrf
    http.headers.pop("X-CSRF-Token", None)
    sent = [("files", (name, data)) for name, data in files]
    answer = await http.post("/console/knowledge/files", data={"csrf": csrf[1], **fields}, files=sent)
    assert answer.status_code == 200, answer.text
    return answer.text


def row_of(page: str, name: str) -> str:
    """The words of a file's result."""
    found = re.search(rf"<tr[^>]*>\s*<td class=\"what\"><b>{re.escape(name)}</b>.*?</tr>", page, re.S)
    assert found, name
    return re.sub(r"<[^>]+>|\s", "", found[0])


def word_file(text: str) -> bytes:
    made, out = docx.Document(), io.BytesIO()
    for line in text.split("\n"):
        made.add_paragraph(line)
    made.save(out)
    return out.getvalue()


# ---- files ----------------------------------------------------------------------------------------------------------
async def test_each_file_has_its_result_and_the_remedy(administrator: httpx.AsyncClient, intake: IntakeClient) -> None:
    page = await upload(
        administrator, ("须知.docx", word_file(PETS)), ("图.jpg", b"\xff\xd8"), ("坏.docx", b"no archive"), ("空.txt", b""),
    )  # fmt: skip
    assert "已导入" in row_of(page, "须知.docx")
    assert "另存为docx" in row_of(page, "图.jpg")
    assert "打不开" in row_of(page, "坏.docx")
    assert "是空的" in row_of(page, "空.txt")
    assert (await intake.changed_passages(-1)).changed == ["须知.docx"]


async def test_the_same_file_again_changes_nothing_and_another_of_its_name_is_kept_apart(
    administrator: httpx.AsyncClient, intake: IntakeClient
) -> None:
    await upload(administrator, ("通知.txt", PETS.encode()))
    assert "传过了" in row_of(await upload(administrator, ("改名.txt", PETS.encode())), "改名.txt")
    newer = await upload(administrator, ("通知.txt", f"{PETS}\n第三条 另行规定。".encode()))
    assert "已更新" in row_of(newer, "通知.txt")
    assert "第2版" in row_of(newer, "通知.txt")
    await upload(administrator, ("通知.txt", "停车管理办法\n第一条 访客停车两小时内免费。".encode()))
    assert (await intake.changed_passages(-1)).changed == ["通知.txt", "通知 (2).txt"]


async def test_what_a_person_wrote_outlasts_a_new_edition_of_the_file(administrator: httpx.AsyncClient, intake: IntakeClient) -> None:
    await upload(administrator, ("须知.txt", PETS.encode()))
    saved = await post(
        administrator, f"{page_of('须知.txt')}/edit", edition=1, title="养犬须知（2026）", link="https://street.example/pets"
    )
    assert words()["notices"]["saved"] in saved.text
    await upload(administrator, ("须知.txt", f"{PETS}\n第三条 另行规定。".encode()))
    page = await intake.changed_passages(-1)
    assert {(p.title, p.link) for p in page.passages} == {("养犬须知（2026）", "https://street.example/pets")}
    assert any("另行规定" in p.text for p in page.passages)


async def test_two_people_editing_at_once_are_told(administrator: httpx.AsyncClient) -> None:
    await upload(administrator, ("须知.txt", PETS.encode()))
    where = page_of("须知.txt")
    await post(administrator, f"{where}/edit", where, edition=1, title="甲改的")
    late = await post(administrator, f"{where}/edit", where, edition=1, title="乙改的")
    assert words()["refusals"]["concurrent_change"] in late.text
    assert "甲改的" in late.text


async def test_a_document_is_withdrawn_and_an_old_edition_comes_back(administrator: httpx.AsyncClient, intake: IntakeClient) -> None:
    await upload(administrator, ("须知.txt", PETS.encode()))
    await upload(administrator, ("须知.txt", PETS.replace("免费", "收费").encode()))
    where = page_of("须知.txt")
    assert "已停用" in (await post(administrator, f"{where}/withdraw")).text
    assert (await intake.changed_passages(-1)).passages == []
    assert "停用了" in row_of(await upload(administrator, ("须知.txt", PETS.replace("免费", "收费").encode())), "须知.txt")
    assert "登记免费" in (await administrator.get(where, params={"edition": 1})).text
    await post(administrator, f"{where}/restore", edition=1)
    assert any("登记免费" in p.text for p in (await intake.changed_passages(-1)).passages)


async def test_a_document_shows_its_pieces_with_their_headings(administrator: httpx.AsyncClient) -> None:
    await upload(administrator, ("细则.txt", "养犬细则\n第一章 登记\n第一条 养犬应当登记。\n第二章 遛犬\n第二条 遛犬应当牵绳。".encode()))
    page = (await administrator.get(page_of("细则.txt"))).text
    assert "第二章遛犬 › 第二条" in page
    assert (await administrator.get(page_of("没有这份.txt"))).status_code == 404


async def test_the_list_searches_and_tells_how_documents_stand(administrator: httpx.AsyncClient, clock: Clock) -> None:
    documents = [
        {"id": "over", "title": "过期的通知", "text": "一、旧的。", "valid_until": "2026-05-01"},
        {"id": "soon", "title": "快到期的通知", "text": "一、快了。", "valid_until": "2026-06-20"},
        {"id": "later", "title": "还没生效的通知", "text": "一、明年。", "valid_from": "2027-01-01"},
        {"id": "old", "title": "老办法", "number": "听街〔2020〕1号", "text": "第一条 老的。"},
        {"id": "new", "title": "新办法", "text": "第一条 新的。", "supersedes": ["听街〔2020〕1号"], "valid_from": "2026-01-01"},
    ]
    assert (await administrator.post("/v1/knowledge/documents", json={"documents": documents})).status_code == 200
    for standing, title in (
        ("over", "过期"),
        ("ending", "快到期"),
        ("not_yet", "还没生效"),
        ("superseded", "老办法"),
        ("in_force", "新办法"),
    ):
        page = (await administrator.get("/console/knowledge", params={"standing": standing})).text
        assert page.count('class="what"') == 1, standing
        assert title in page
        assert words()["standings"][standing]["name"] in page
    assert (await administrator.get("/console/knowledge", params={"q": "听街 2020"})).text.count('class="what"') == 1
    assert "没有符合条件" in (await administrator.get("/console/knowledge", params={"q": "100%_"})).text


# ---- areas ----------------------------------------------------------------------------------------------------------
async def test_a_street_changes_only_what_is_its_own(person: SignIn, administrator: httpx.AsyncClient, grid: GridIn) -> None:
    await upload(administrator, ("全市.txt", PETS.encode()))
    street = await person("street", district=grid.district, street=grid.street)
    own = "上元区/听雨街道"
    assert "已导入" in row_of(await upload(street, ("本街.txt", "听雨街道停车须知\n第一条 免费。".encode())), "本街.txt")
    assert own.replace("/", " › ") in (await street.get("/console/knowledge")).text
    for path, fields in (
        (f"{page_of('全市.txt')}/withdraw", {}), (f"{page_of('全市.txt')}/edit", {"edition": 1, "title": "改了", "area": own}),
        (f"{page_of('本街.txt')}/edit", {"edition": 1, "title": "改了", "area": "上元区"}),
    ):  # fmt: skip
        assert words()["refusals"]["not_your_area"] in (await post(street, path, **fields)).text
    assert words()["refusals"]["area_unknown"] in (await post(administrator, f"{page_of('全市.txt')}/edit", edition=1, area="别处区")).text
    worker = await person("grid", grid=grid.code)
    assert (await worker.get("/console/knowledge/files")).status_code == 403
    assert (await worker.get(page_of("全市.txt"))).status_code == 200


async def test_no_old_edition_no_pair_and_no_heir_leads_out_of_a_streets_area(
    person: SignIn, administrator: httpx.AsyncClient, intake: IntakeClient, grid: GridIn
) -> None:
    street, own = await person("street", district=grid.district, street=grid.street), f"{grid.district}/{grid.street}"
    refused = words()["refusals"]["not_your_area"]
    await upload(administrator, ("须知.txt", PETS.encode()), ("全市.txt", "全市停车办法\n第一条 免费。".encode()))
    await post(administrator, f"{page_of('须知.txt')}/edit", edition=1, title="养犬须知", area=own)
    assert refused in (await post(street, f"{page_of('须知.txt')}/restore", edition=1)).text
    form = {"question": "几点上班", "token": "0123456789abcdef"}
    await post(administrator, "/console/knowledge/pairs", **form, answer="九点。")
    assert refused in (await post(street, "/console/knowledge/pairs", **form, answer="十点。", area=own)).text
    assert "九点。" in [p.curated_answer for p in (await intake.changed_passages(-1)).passages]
    edited = {"edition": 2, "title": "养犬须知", "area": own}
    assert refused in (await post(street, f"{page_of('须知.txt')}/edit", **edited, supersedes="全市停车办法")).text
    claim = "---\ntitle: 本街停车\nsupersedes: 全市停车办法\n---\n第一条 收费。".encode()
    assert words()["files"]["not_your_area"] in row_of(await upload(street, ("本街.md", claim)), "本街.md")
    assert not any(p.superseded_by for p in (await intake.changed_passages(-1)).passages)


# ---- pairs ----------------------------------------------------------------------------------------------------------
async def test_pairs_are_made_once_changed_and_removed(administrator: httpx.AsyncClient, intake: IntakeClient) -> None:
    form = {"question": "几点上班\n什么时候开门", "answer": "工作日九点。", "token": "0123456789abcdef"}
    for _ in range(2):
        made = await post(administrator, "/console/knowledge/pairs", **form)
    assert "2 条" in made.text
    where = page_of("pair/0123456789abcdef")
    await post(administrator, f"{where}/pairs", edition=1, at=1, question="几点开门", answer="九点。")
    await post(administrator, f"{where}/pairs", edition=2, at=0, remove="yes")
    await post(administrator, f"{where}/pairs", edition=3, at=-1, question="周末开吗", answer="周六上午。")
    found = {p.text: p.curated_answer for p in (await intake.changed_passages(-1)).passages}
    assert found == {"几点开门": "九点。", "周末开吗": "周六上午。"}
    for edition in (4, 5):
        await post(administrator, f"{where}/pairs", edition=edition, at=0, remove="yes")
    assert (await intake.changed_passages(-1)).passages == []


# ---- questions ------------------------------------------------------------------------------------------------------
def question(message: str, grid: str = "heron-1", words: str = "老年证丢了去哪里补？") -> QuestionIn:
    asker = AskerIn(channel="web", chat_id="g-heron", message_id=message, handle=f"u{message}")
    return QuestionIn(external_id=f"web:g:{message}", question=words, grid=grid, asker=asker, at="2026-06-02T08:30:00Z")  # type: ignore[arg-type]


async def told(app: Any) -> list[QuestionAnswered]:
    async with app.state.db.reading() as session:
        rows = list(await session.scalars(select(Outbox).where(Outbox.type == "question.answered").order_by(Outbox.seq)))
    found = [NEWS.validate_json(app.state.vault.open(row.event) if row.sealed else row.event) for row in rows]
    return [one for one in found if isinstance(one, QuestionAnswered)]


async def test_an_answer_reaches_everybody_who_asked_once_and_the_base(
    app: Any, administrator: httpx.AsyncClient, intake: IntakeClient, grid: GridIn
) -> None:
    first = await intake.queue_question(question("1"))
    await intake.queue_question(question("2"))
    await intake.queue_question(question("2"))
    await intake.queue_question(question("3", "heron-2"))
    page = (await administrator.get("/console/questions")).text
    assert "问过 2 次" in page
    assert "另外 1 个网格也有人问" in page
    path = f"/console/questions/{first.id}/answer"
    form = {"answer": "带身份证到社区补办。", "into_base": "yes", "everywhere": "yes"}
    assert words()["notices"]["answered_base"] in (await post(administrator, path, **form)).text
    assert words()["refusals"]["question_settled"] in (await post(administrator, path, "/console/questions", **form)).text
    events = await told(app)
    assert sorted((e.message_id, e.askers) for e in events) == [("1", 2), ("3", 1)]
    assert {(e.question, e.answer) for e in events} == {("老年证丢了去哪里补？", "带身份证到社区补办。")}
    assert [p.curated_answer for p in (await intake.changed_passages(-1)).passages] == ["带身份证到社区补办。"]


async def test_an_answer_that_was_only_told_goes_into_the_base_with_one_click(
    administrator: httpx.AsyncClient, intake: IntakeClient, grid: GridIn
) -> None:
    asked = await intake.queue_question(question("1"))
    await post(administrator, f"/console/questions/{asked.id}/answer", answer="带身份证到社区补办。")
    assert (await intake.changed_passages(-1)).passages == []
    for _ in range(2):
        await post(administrator, f"/console/questions/{asked.id}/into-base")
    assert len((await intake.changed_passages(-1)).passages) == 1


async def test_a_street_answers_its_own_questions_and_sees_no_others(app: Any, person: SignIn, intake: IntakeClient, grid: GridIn) -> None:
    mine = await intake.queue_question(question("1"))
    other = await intake.queue_question(question("2", "elsewhere", "公积金怎么提取"))
    street = await person("street", district=grid.district, street=grid.street)
    page = (await street.get("/console/questions")).text
    assert "老年证" in page
    assert "公积金" not in page
    await post(street, f"/console/questions/{other.id}/answer", answer="x")
    await post(await person("grid", grid=grid.code), f"/console/questions/{mine.id}/answer", answer="x")
    assert await told(app) == []
    await post(street, f"/console/questions/{mine.id}/answer", answer="到街道补办。", into_base="yes")
    assert [e.message_id for e in await told(app)] == ["1"]
    assert {p.area for p in (await intake.changed_passages(-1)).passages} == {"上元区/听雨街道"}


async def test_a_department_sees_the_questions_whose_enquiry_it_holds_and_no_others(
    administrator: httpx.AsyncClient, service: httpx.AsyncClient, person: SignIn, intake: IntakeClient, grid: GridIn
) -> None:
    judged = {"category": "housing.elevator", "confidence": 0.99, "accepted": True, "model_version": "m1"}
    enquiry = (await service.post("/v1/reports", json=report(judgement=judged))).json()["ticket"]["id"]
    unit = "特种设备科"
    added = {"act": "add_unit", "unit": unit}
    for act in ({"act": "confirm"}, added):
        answer = await administrator.post(f"/v1/tickets/{enquiry}/acts", json=act)
        assert answer.status_code == 200, answer.text
    mine = question("1", words="电梯多久检验一次")
    await intake.queue_question(mine.model_copy(update={"ticket_id": enquiry}))
    await intake.queue_question(question("2"))
    page = (await (await person("department", unit=unit)).get("/console/questions")).text
    assert "电梯多久检验一次" in page
    assert "老年证" not in page


async def test_who_wants_to_be_forgotten_is_not_told(
    app: Any, administrator: httpx.AsyncClient, intake: IntakeClient, grid: GridIn
) -> None:
    asked = await intake.queue_question(question("1"))
    await intake.forget("web:u1")
    await post(administrator, f"/console/questions/{asked.id}/answer", answer="带身份证到社区补办。")
    assert await told(app) == []


async def test_an_unhappy_vote_shows_what_was_answered(administrator: httpx.AsyncClient, intake: IntakeClient, grid: GridIn) -> None:
    asker = AskerIn(channel="web", chat_id="g-heron", message_id="7", handle="u7")
    vote = VoteIn(
        external_id="v1", question="遛狗要牵绳吗", doc="pets", helpful=False, given="养犬应当登记。", asker=asker, grid=grid.code,
        at="2026-06-02T08:30:00Z",  # type: ignore[arg-type]
    )  # fmt: skip
    await intake.vote(vote)
    page = (await administrator.get("/console/questions")).text
    assert "居民说没答上" in page
    assert "养犬应当登记。" in page


async def test_without_an_assistant_a_trial_says_so(administrator: httpx.AsyncClient) -> None:
    assert "助手没有回应" in (await administrator.get("/console/knowledge/try", params={"q": "遛狗要牵绳吗"})).text


@pytest.mark.parametrize("path", ["/console/knowledge", "/console/knowledge/files", "/console/knowledge/try", "/console/questions"])
async def test_nobody_sees_the_base_without_signing_in(connect: Connect, path: str) -> None:
    assert (await connect().get(path)).status_code == 303
