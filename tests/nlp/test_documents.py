"""Documents and the files they come from: every format read, every refusal with its reason."""

from __future__ import annotations

import io
import json

import docx
import openpyxl
import pytest

from nlp.documents import DocumentError, document, heirs_of, iso_day, passages_of
from nlp.readers import decode, read_file

NOTICE = (
    "关于加强楼道消防安全管理的通知\n示消〔2024〕9号\n各小区：\n"
    "一、禁止在楼道堆放杂物。\n二、违者限期清理。\n示例街道办事处\n2024年3月5日\n"
)


def test_what_a_text_does_not_say_is_read_off_it() -> None:
    found = document({"id": "n", "text": NOTICE})
    assert (found.title, found.number, found.date) == ("关于加强楼道消防安全管理的通知", "示消〔2024〕9号", "2024-03-05")
    assert document({"id": "n", "text": NOTICE, "title": "另名", "date": "2023年1月2日"}).date == "2023-01-02"
    assert document({"id": "n", "text": "2023年2月31日"}).date == ""


@pytest.mark.parametrize(
    "row", [{}, {"id": "a"}, {"id": "a", "text": "  "}, {"id": "a", "text": 3}, {"id": "a", "text": "x", "date": "soon"}]
)
def test_what_cannot_be_a_document_is_refused(row: dict[str, object]) -> None:
    with pytest.raises(DocumentError):
        document(row)


def test_the_hash_tells_what_changed() -> None:
    one = document({"id": "n", "text": NOTICE})
    assert one.hash == document({"id": "n", "text": NOTICE}).hash
    assert one.hash != document({"id": "n", "text": NOTICE, "area": "示例市"}).hash


def test_the_latest_heir_wins_and_nobody_inherits_from_himself() -> None:
    old = document({"id": "old", "text": "第一条 旧。", "title": "办法"})
    first = document({"id": "b", "text": "第一条 新。", "supersedes": "办法", "valid_from": "2024-01-01", "title": "办法"})
    second = document({"id": "c", "text": "第一条 更新。", "supersedes": ["old"], "valid_from": "2025-01-01", "title": "办法三"})
    heirs = heirs_of([second, old, first])
    assert heirs["old"].id == "c"
    assert "b" not in heirs
    assert "c" not in heirs


def test_both_encodings_are_read() -> None:
    assert decode(NOTICE.encode("gb18030")) == decode(NOTICE.encode("utf8")) == decode(b"\xef\xbb\xbf" + NOTICE.encode("utf8")) == NOTICE
    with pytest.raises(DocumentError):
        decode(b"\x81\x00\xff\xfe\x00\x01")


def test_front_matter_gives_metadata() -> None:
    (found,), _ = read_file(
        "a.md", "---\ntitle: 停车办法\nvalid_from: 2024-01-01\nsupersedes: 旧办法；更旧的\n---\n# 停车\n第一条 免费。\n".encode()
    )
    assert (found.title, found.valid_from, found.supersedes) == ("停车办法", "2024-01-01", ("旧办法", "更旧的"))
    assert passages_of(found)[0].text.endswith("第一条 免费。")


def test_jsonl_keeps_the_good_lines_and_names_the_bad() -> None:
    lines = [json.dumps({"id": "a", "text": "第一条 甲。"}), "{", "[]", json.dumps({"id": "b"}), ""]
    found, wrong = read_file("x.jsonl", "\n".join(lines).encode())
    assert [d.id for d in found] == ["a"]
    assert [w.split(":")[0] for w in wrong] == ["line 2", "line 3", "line 4"]


def test_docx_keeps_headings_and_tables() -> None:
    file = docx.Document()
    file.add_heading("收费办法", 1)
    file.add_paragraph("一、按月收取。")
    table = file.add_table(2, 2)
    for cell, text in zip((c for row in table.rows for c in row.cells), ("车位", "金额", "地面", "120元"), strict=True):
        cell.text = text
    data = io.BytesIO()
    file.save(data)
    (found,), _ = read_file("fee.docx", data.getvalue())
    assert "# 收费办法" in found.text
    assert "| 地面 | 120元 |" in found.text


def test_xlsx_with_questions_and_answers_becomes_pairs() -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (("问题", "答案"), ("几点开门", "早上九点。"), ("", "没有问题")):
        sheet.append(row)
    data = io.BytesIO()
    book.save(data)
    (found,), _ = read_file("faq.xlsx", data.getvalue())
    assert found.pairs == (("几点开门", "早上九点。"),)
    (passage,) = [p for p in passages_of(found) if p.curated_answer]
    assert (passage.text, passage.curated_answer) == ("几点开门", "早上九点。")


def test_html_without_its_furniture() -> None:
    page = (
        "<html><head><title>养犬规定</title><meta charset='gbk'></head><body><nav>首页</nav><script>alert(1)</script>"
        "<h2>第一章 总则</h2><p>第一条 每户限养一只。</p>"
        "<table><tr><th>区</th><th>费</th></tr><tr><td>东</td><td>0</td></tr></table></body></html>"
    )
    (found,), _ = read_file("dogs.html", page.encode("gb18030"))
    assert found.title == "养犬规定"
    assert "第一条 每户限养一只。" in found.text
    assert "| 东 | 0 |" in found.text
    assert "alert" not in found.text
    assert "首页" not in found.text


def one_page_pdf(text: str) -> bytes:
    """A PDF made by hand: a font that the reader knows by itself, so Latin words only."""
    stream = f"BT /F1 12 Tf 72 700 Td ({text}) Tj ET".encode()
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    out, offsets = b"%PDF-1.4\n", []
    for n, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj%s endobj\n" % (n, body)
    table = b"".join(b"%010d 00000 n \n" % at for at in offsets)
    return out + b"xref\n0 6\n0000000000 65535 f \n%strailer<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (table, len(out))


def test_pdf_text_is_read_and_pictures_alone_are_refused() -> None:
    (found,), _ = read_file("fees.pdf", one_page_pdf("Parking fee is 120 yuan a month."))
    assert "120 yuan" in found.text
    with pytest.raises(DocumentError, match="no text"):
        read_file("scan.pdf", one_page_pdf(""))


@pytest.mark.parametrize("name", ["a.docx", "a.xlsx", "a.pdf", "a.exe", "noending", "a.jsonl"])
def test_damaged_files_are_refused_in_a_few_words(name: str) -> None:
    for data in (b"", b"\x00\x01garbage", b"PK\x03\x04broken"):
        with pytest.raises(DocumentError) as refused:
            read_file(name, data)
        assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("text", "day"), [("2020年2月3日", "2020-02-03"), ("2020/2/3", "2020-02-03"), ("2020-02-03", "2020-02-03")])
def test_days(text: str, day: str) -> None:
    assert iso_day(text) == day
    with pytest.raises(DocumentError):
        iso_day("2020-02-30")
