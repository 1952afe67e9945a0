"""Machine-learned: readers of the corpora, training, evaluation, and what is shipped."""
