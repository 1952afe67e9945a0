"""What workers took apart becomes choices of "none of them"."""

from __future__ import annotations

from intake_api.contracts import PartingPage
from intake_api.openapi import examples
from models.train_match import parted
from nlp.match_rules import EVIDENCE, load_rules


def test_a_parting_is_a_report_that_met_a_matter_and_was_not_of_it() -> None:
    page = PartingPage.model_validate(examples()["list_partings"]["response"])
    (choice,) = parted(page, load_rules())
    assert choice.chosen is None
    assert choice.x.shape == (1, len(EVIDENCE))
    assert choice.x[0, EVIDENCE.index("category")] == 1


def test_places_that_conflict_teach_nothing() -> None:
    page = PartingPage.model_validate(examples()["list_partings"]["response"])
    (pair,) = page.partings
    elsewhere = pair.other.model_copy(update={"place": pair.other.place.model_copy(update={"building": "9"})})
    assert parted(PartingPage(partings=[pair.model_copy(update={"other": elsewhere})]), load_rules()) == []
