"""Rules about the repository itself: sizes, words, imports, shipped models, the promises of the README."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from bot.__main__ import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("bot", "nlp", "models", "intake_api", "prompts")
SOURCES = [p for room in ROOMS for p in sorted((ROOT / room).rglob("*.py"))]
CHINESE = re.compile(r"[\u4e00-\u9fff]")
TRACKED = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()


def test_no_source_file_outgrows_its_room() -> None:
    long = {
        str(p.relative_to(ROOT)): n
        for p in SOURCES
        if "versions" not in p.parts and (n := len(p.read_text(encoding="utf8").splitlines())) > 400
    }
    assert long == {}


def test_every_module_says_what_it_is_for() -> None:
    assert [
        str(p.relative_to(ROOT)) for p in SOURCES if not (ast.get_docstring(ast.parse(p.read_text(encoding="utf8"))) or "").strip(" .")
    ] == []


def test_no_branch_of_the_code_turns_on_chinese_words() -> None:
    """Words that decide live in YAML beside the code. nlp may compare the characters of numbers and house marks: its grammar."""
    found = []
    for path in (p for p in SOURCES if p.relative_to(ROOT).parts[0] != "nlp"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
            if isinstance(node, ast.Compare):
                words = [c.value for c in ast.walk(node) if isinstance(c, ast.Constant) and isinstance(c.value, str)]
                found += [f"{path.relative_to(ROOT)}:{node.lineno}: {w}" for w in words if CHINESE.search(w)]
    assert found == []


def test_every_sentence_the_bot_says_is_in_the_wording_file() -> None:
    wording = yaml.safe_load((ROOT / "bot" / "wording.yaml").read_text(encoding="utf8"))
    missing = []
    for path in sorted((ROOT / "bot").rglob("*.py")):
        for key in re.findall(r'\bsay\("([a-z_]+/[A-Za-z_.]+)"', path.read_text(encoding="utf8")):
            group, _, name = key.partition("/")
            if name not in wording.get(group, {}):
                missing.append(f"{path.relative_to(ROOT)}: {key}")
    assert missing == []


def test_the_readme_names_every_command_and_room_that_exists() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf8")
    assert [c for c in COMMANDS if f"minhu {c}" not in readme] == []
    for room in (*ROOMS, "tests"):
        assert f"({room}/README.md)" in readme
        assert (ROOT / room / "README.md").is_file(), f"{room} has no README"
    for picture in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", readme):
        assert (ROOT / picture).is_file(), picture


def test_shipped_models_are_whole_and_hold_no_pickle() -> None:
    folders = [f for f in (ROOT / "models" / "shipped").iterdir() if f.is_dir()]
    assert folders
    for folder in folders:
        names = {f.name for f in folder.iterdir()}
        assert {"config.json", "card.md", "reference.json"} <= names, folder.name
        assert not [n for n in names if n.endswith((".pkl", ".pickle", ".joblib", ".pt", ".bin"))]
        assert sum(f.stat().st_size for f in folder.iterdir()) <= 40 * 2**20, f"{folder.name} is larger than 40 MB"


def test_nothing_tracked_is_data_or_a_secret() -> None:
    allowed = ("tests/", "models/shipped/", "models/composed/", "intake_api/knowledge/sample/")
    data = [f for f in TRACKED if f.endswith((".csv", ".tsv", ".jsonl", ".pkl", ".key", ".token", ".db")) and not f.startswith(allowed)]
    assert data == []


def test_the_constraints_pin_every_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf8"))["project"]
    pinned = {line.split("==")[0].lower().replace("_", "-") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line}
    wanted = [*project["dependencies"], *(d for group in project["optional-dependencies"].values() for d in group)]
    names = {re.split(r"[\[<>=;! ]", d)[0].lower().replace("_", "-") for d in wanted} - {"minhu"}
    assert sorted(names - pinned) == []


@pytest.mark.parametrize("script", ["scripts/setup", "scripts/test", ".ci/run"])
def test_scripts_are_executable_and_parse(script: str) -> None:
    path = ROOT / script
    assert path.stat().st_mode & 0o111
    assert subprocess.run(["bash", "-n", str(path)], check=False).returncode == 0
