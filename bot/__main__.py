"""The command line `minhu`: one module of bot/cli a command, imported only when it is called."""

from __future__ import annotations

import argparse
import importlib
import sys

from bot.errors import UsageError

COMMANDS = {
    "demo": "start everything on this machine with a sample grid, and print the addresses",
    "serve": "production roles: all, channel, assistant, api, jobs",
    "replay": "transcripts through the same code as production",
    "classify": "a CSV of texts to matters",
    "topics": "letters to hot-topic tables",
    "kb": "the policy base: import, search",
    "models": "train, evaluate, predict, ship",
}


def build_parser(only: str | None = None) -> argparse.ArgumentParser:
    """`only` names the one command whose module is imported, so that no command pays for another's imports."""
    parser = argparse.ArgumentParser(prog="minhu", description="民呼我应 — the assistant in the grid's chat group")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, text in COMMANDS.items():
        sub = commands.add_parser(name, help=text, description=text)
        if only in (None, name):
            importlib.import_module(f"bot.cli.{name}").configure(sub)
    return parser


def main(argv: list[str] | None = None) -> int:
    args = sys.argv[1:] if argv is None else argv
    only = next((a for a in args if not a.startswith("-")), None)
    parser = build_parser(only if only in COMMANDS else "")
    options = parser.parse_args(args)
    try:
        return int(importlib.import_module(f"bot.cli.{options.command}").run(options) or 0)
    except UsageError as error:
        print(f"minhu {options.command}: {error}", file=sys.stderr)
        return 2
    except ValueError as error:
        from bot.settings import what_is_wrong

        if (line := what_is_wrong(error)) is None:
            raise
        print(f"minhu {options.command}: {line}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        return 0
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
