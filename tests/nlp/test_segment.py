"""Words: nothing lost, the neighbourhood's words whole, jieba silent and away from the temp folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from nlp.segment import cut, cut_for_search, domain_words, tag


@given(st.text(max_size=80))
def test_words_joined_are_the_text(text: str) -> None:
    assert "".join(cut(text)) == text


def test_the_neighbourhoods_words_stay_whole() -> None:
    assert {"网格员", "飞线充电", "单元门"} <= set(cut("网格员说飞线充电要管，单元门也要修"))
    assert len(domain_words()) == len(set(domain_words()))


def test_search_cuts_hold_the_shorter_words_and_no_punctuation() -> None:
    words = cut_for_search("居住证怎么办理？")
    assert {"居住", "居住证", "办理"} <= set(words)
    assert "？" not in words
    assert cut_for_search("") == []


def test_the_tagger_knows_a_name() -> None:
    assert ("王建国", "nr") in tag("我叫王建国")
    assert tag("") == []


def test_jieba_says_nothing_and_writes_nothing(tmp_path: Path) -> None:
    code = "from nlp.segment import warm; warm(['三号楼'])"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], env={"TMPDIR": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []
