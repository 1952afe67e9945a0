"""`python -m models.train [TASK…]`: rebuilds models/shipped from the data folder (README.md says how long each takes)."""

from __future__ import annotations

import argparse
import sys

from models.cards import SHIPPED
from models.corpora import DataMissingError, data_folder
from models.tasks import ENCODERS, TASKS, ship

ORDER = (*ENCODERS, *TASKS)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m models.train", description=__doc__)
    parser.add_argument("tasks", nargs="*", metavar="TASK", help=f"of {', '.join(ORDER)}; all without one, in this order")
    parser.add_argument("--data", help="the data folder (default: MINHU_DATA, else ../shared/data)")
    options = parser.parse_args(argv)
    if unknown := set(options.tasks) - set(ORDER):
        parser.error(f"{', '.join(sorted(unknown))}: no such task; there are {', '.join(ORDER)}")
    try:
        data = data_folder(options.data)
    except DataMissingError as error:
        print(f"models.train: {error}", file=sys.stderr)
        return 2
    for name in options.tasks or ORDER:
        print(f"{name}: {ship(name, data, SHIPPED)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
