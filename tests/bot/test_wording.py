"""Every sentence is said somewhere, and every sentence that is said is there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import yaml

from intake_api.contracts import State
from nlp.taxonomy import load_taxonomy

BOT = Path(__file__).parents[2] / "bot"
WORDING = yaml.safe_load((BOT / "wording.yaml").read_text(encoding="utf8"))
SOURCE = "\n".join(path.read_text(encoding="utf8") for path in BOT.rglob("*.py"))
# groups whose keys are codes that come from elsewhere: states, matters, reasons, rights, commands
BY_CODE = {"state", "state_name", "ask", "emergency", "reject", "rejected", "refused", "rights", "role", "notes", "words", "commands"}


def test_no_sentence_is_kept_that_nobody_says() -> None:
    acts = {f"button/{act}" for act in ("confirm", "self_handle", "sign", "start")}
    notes = {f"part/{state}_note" for state in get_args(State)}
    named = {f"{group}/{key}" for group, said in WORDING.items() if group not in BY_CODE for key in said}
    assert {key for key in named - acts - notes if f'"{key}"' not in SOURCE} == set()


def test_every_sentence_that_is_said_is_there() -> None:
    for key in re.findall(r'\bsay\(\s*"([a-z_]+/[a-z_]+)"', SOURCE):
        group, _, name = key.partition("/")
        assert name in WORDING[group], key


def test_every_state_and_every_reason_has_its_words() -> None:
    states = set(get_args(State))
    assert set(WORDING["state"]) == set(WORDING["state_name"]) == states
    assert set(WORDING["reject"]) == set(WORDING["rejected"])


def test_questions_and_guides_are_about_matters_that_exist() -> None:
    taxonomy = load_taxonomy()
    for code in {*WORDING["ask"], *WORDING["emergency"]} - {"guide", "told"}:
        assert taxonomy.matter(code) or code in taxonomy.domains, code


def test_no_sentence_shows_a_word_of_another_language() -> None:
    allowed = {"Privacy", "Mode", "BotFather", "TA", "off"}
    for group, said in WORDING.items():
        if group == "words":
            continue
        for key, words in said.items():
            plain = re.sub(r"\{[a-z_]*\}|/[a-z]+", "", str(words))
            assert set(re.findall(r"[A-Za-z]{2,}", plain)) <= allowed, f"{group}/{key}"
