"""Templates for the optional language model; `render` is the front door."""

from prompts.render import Front, PromptError, front_of, render

__all__ = ["Front", "PromptError", "front_of", "render"]
