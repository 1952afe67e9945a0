"""Templates for an optional language model: Markdown with a front matter, rendered strictly, with data that cannot leave its fence."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, StrictUndefined, Template, TemplateError
from pydantic import BaseModel, ConfigDict, ValidationError

_FOLDER = Path(__file__).parent


class PromptError(ValueError):
    """A template is missing or damaged, or was given other inputs than it names."""


class Front(BaseModel):
    """What a template is for, its version, the inputs it needs, and the JSON schema of what the model must answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    purpose: str
    version: int
    inputs: tuple[str, ...]
    output: dict[str, Any]


def render(name: str, **inputs: Any) -> str:
    """The text of prompts/<name>.md with its inputs, all of them and no others. Raises PromptError."""
    front, template = _load(name)
    if set(inputs) != set(front.inputs):
        raise PromptError(f"{name} takes {', '.join(front.inputs)}; it was given {', '.join(inputs) or 'nothing'}")
    try:
        return template.render(**inputs).strip() + "\n"
    except TemplateError as error:
        raise PromptError(f"{name} cannot be rendered: {error}") from error


def front_of(name: str) -> Front:
    """The front matter of prompts/<name>.md. Raises PromptError."""
    return _load(name)[0]


@lru_cache(maxsize=32)
def _load(name: str) -> tuple[Front, Template]:
    try:
        _, front, body = (_FOLDER / f"{name}.md").read_text(encoding="utf8").split("---\n", 2)
        return Front.model_validate(yaml.safe_load(front)), _environment().from_string(body)
    except (OSError, ValueError, yaml.YAMLError, ValidationError, TemplateError) as error:
        raise PromptError(f"prompts/{name}.md cannot be used: {error}") from error


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True)  # noqa: S701  # text, not HTML
    environment.filters["fenced"] = fenced
    return environment


def fenced(words: object) -> str:
    """Data as data: the marks that open and close a fence are written so that they open and close nothing."""
    return str(words).replace("<", "＜").replace(">", "＞").replace("\x00", "")
