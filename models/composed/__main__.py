"""`python -m models.composed [FILE…]`: checks composed conversations and single messages, and counts them."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

from models.composed.reading import FOLDER, ComposedError, matter_messages, read, single_messages
from nlp.taxonomy import load_taxonomy


def main(paths: list[str]) -> int:
    known = set(load_taxonomy().ids())
    kinds: Counter[str] = Counter()
    matters: Counter[str] = Counter()
    faults = 0
    for path in [Path(p) for p in paths] or sorted(FOLDER.rglob("*.chat")):
        if path.suffix != ".chat":
            continue
        try:
            for transcript in read(path):
                told = [t for m in transcript["messages"] for t in (m["gold"], *m["gold"].get("also", ()))]
                told += transcript["matters"]
                for category in {t["category"] for t in told if t.get("category")} - known:
                    print(f"{path.name}: {transcript['id']}: there is no matter {category} in the taxonomy")
                    faults += 1
                kinds.update(m["gold"]["kind"] for m in transcript["messages"])
                matters.update(m["category"] for m in transcript["matters"])
        except ComposedError as error:
            print(error)
            faults += 1
    try:
        for row in (*single_messages(), *matter_messages(), *single_messages(FOLDER / "unread", "*.tsv")):
            if row.category and row.category not in known:
                print(f"single messages: there is no matter {row.category} in the taxonomy ({row.group})")
                faults += 1
    except ComposedError as error:
        print(error)
        faults += 1
    print(f"{sum(kinds.values())} messages: {dict(kinds.most_common())}\n{sum(matters.values())} matters: {dict(matters.most_common())}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
