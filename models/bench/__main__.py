"""`python -m models.bench [SECTION…]`: prints the figures of this checkout; names what could not run and why."""

from __future__ import annotations

import argparse
import importlib
import sys

from models.bench.sections import SECTIONS, Bench, run_sections
from models.cards import SHIPPED
from models.corpora import DataMissingError, data_folder

ROOMS = ("language", "noise", "speed", "replays", "retrieval", "matters", "surges")


def main(argv: list[str] | None = None) -> int:
    for room in ROOMS:
        importlib.import_module(f"models.bench.{room}")
    parser = argparse.ArgumentParser(prog="python -m models.bench", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of: {'; '.join(SECTIONS)}. All without one.")
    parser.add_argument("--data", help="the data folder (default: MINHU_DATA, else ../shared/data)")
    options = parser.parse_args(argv)
    if unknown := [s for s in options.sections if s not in SECTIONS]:
        parser.error(f"no section {', '.join(unknown)}; there are: {'; '.join(SECTIONS)}")
    try:
        data = data_folder(options.data)
    except DataMissingError as error:
        print(f"models.bench: {error}", file=sys.stderr)
        data = None
    not_run = run_sections(Bench(data, SHIPPED), options.sections or SECTIONS)
    if not_run:
        print(f"\n{not_run} sections were not run; each says why above")
    return 0


if __name__ == "__main__":
    sys.exit(main())
