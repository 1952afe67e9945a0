"""What the demo finds on its first start."""

from intake_api.sample import sample_documents


def test_the_sample_documents_say_that_they_are_a_sample() -> None:
    documents = sample_documents()
    assert len(documents) >= 5
    assert all("示例" in d.title for d in documents)
