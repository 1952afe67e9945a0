"""A smaller BERT that answers like a larger one: every other layer kept, trained on the larger one's hidden states."""

from __future__ import annotations

import copy
import random
import re
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.corpora import hotline_items, is_training_talk, labelled_messages, letters, small_talk, transcripts

if TYPE_CHECKING:
    import torch
    from tokenizers import Tokenizer
    from transformers import BertModel

PIECES = 64
BATCH = 48
RATE = 3e-4
SEED = 20_261_122

_SENTENCE = re.compile(r"[^。！？!?；;\n]{6,90}[。！？!?；;]?")


def fewer_layers(bert: BertModel, layers: int) -> BertModel:
    """A copy with `layers` of its layers, evenly spaced, the first and the last among them."""
    from torch import nn

    total = int(bert.config.num_hidden_layers)
    chosen = [round(i * (total - 1) / (layers - 1)) for i in range(layers)]
    small = copy.deepcopy(bert)
    small.encoder.layer = nn.ModuleList([small.encoder.layer[i] for i in chosen])
    small.config.num_hidden_layers = layers
    return small


def unlabelled(data: Path) -> list[str]:
    """Sentences for distillation: letters (train), hotline items, composed messages, half of the text messages,
    conversations.
    No text of a development set is among them."""
    texts: list[str] = [row.text for row in labelled_messages(data)]
    for transcript in (*transcripts(data, "train_a"), *transcripts(data, "train_b")):
        texts += [m["text"] for m in transcript["messages"] if len(m["text"]) > 2]
    for letter in letters(data, "train"):
        texts.append(letter.title)
        texts += _SENTENCE.findall(letter.detail)[:5]
    for title, body, reply in hotline_items(data):
        texts += [title, *_SENTENCE.findall(body)[:3], *_SENTENCE.findall(reply)[:4]]
    texts += [text for source, text in small_talk(data) if source == "sms" and is_training_talk(text) and len(text) > 3]
    return sorted(set(texts))


def batches(texts: Sequence[str], size: int, seed: int) -> Iterator[list[str]]:
    """Texts of like length together, the batches in random order: little is spent on padding."""
    rng = random.Random(seed)
    keyed = sorted(texts, key=lambda text: (len(text) + rng.random() * 6, text))
    found = [keyed[i : i + size] for i in range(0, len(keyed), size)]
    rng.shuffle(found)
    yield from found


def padded(tokenizer: Tokenizer, texts: Sequence[str], pieces: int) -> tuple[torch.Tensor, torch.Tensor]:
    """→ input_ids, attention_mask, int64 [n, longest]; cut at `pieces`, the end mark kept."""
    import torch

    rows = [encoded.ids for encoded in tokenizer.encode_batch(list(texts))]
    rows = [row if len(row) <= pieces else [*row[: pieces - 1], row[-1]] for row in rows]
    longest = max(len(row) for row in rows)
    ids = torch.ones((len(rows), longest), dtype=torch.long)  # 1 = <pad>
    mask = torch.zeros_like(ids)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = torch.tensor(row)
        mask[i, : len(row)] = 1
    return ids, mask


def distil(
    teacher: BertModel, tokenizer: Tokenizer, texts: Sequence[str], layers: int, say: Callable[[str], None] = print, epochs: int = 1
) -> BertModel:
    """A student of `layers` layers. Each text is read by both with `query: ` before it in the teacher's ear only, so that the
    student needs no prefix for what residents write; every third is read as a passage by both."""
    import torch
    from torch.nn import functional

    student = fewer_layers(teacher, layers)
    student.embeddings.requires_grad_(requires_grad=False)
    student.train()
    trained = [p for p in student.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=RATE, weight_decay=0.01)
    steps = epochs * -(-len(texts) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps + 1, pct_start=0.05)
    begun, step = time.monotonic(), 0
    for epoch in range(epochs):
        for batch in batches(texts, BATCH, SEED + epoch):
            step += 1
            passage = step % 3 == 0
            prefix = "passage: " if passage else "query: "
            ids, mask = padded(tokenizer, [prefix + text for text in batch], PIECES)
            own_ids, own_mask = (ids, mask) if passage else padded(tokenizer, batch, PIECES)
            with torch.autocast("cpu", torch.bfloat16):
                with torch.no_grad():
                    taught = teacher(input_ids=ids, attention_mask=mask).last_hidden_state.float()
                learnt = student(input_ids=own_ids, attention_mask=own_mask).last_hidden_state.float()
            loss = (1 - functional.cosine_similarity(pooled(learnt, own_mask), pooled(taught, mask))).mean() * 20
            if passage:  # the same pieces on both sides: every hidden state teaches
                loss = loss + functional.mse_loss(learnt[mask.bool()], taught[mask.bool()]) * 5
            else:
                loss = loss + _aligned(learnt, own_mask, taught, mask) * 5
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimiser.step()
            optimiser.zero_grad()
            schedule.step()
            if step % 50 == 0:
                say(f"distil {step}/{steps} loss {float(loss.detach()):.3f} {time.monotonic() - begun:.0f} s")
    student.train(False)
    return student


def pooled(states: Any, mask: Any) -> Any:
    """[n, t, h], [n, t] → mean over the pieces that are there, [n, h]."""
    wide = mask.unsqueeze(-1).float()
    return (states * wide).sum(1) / wide.sum(1)


def _aligned(learnt: Any, own_mask: Any, taught: Any, mask: Any) -> Any:
    """The teacher read a prefix of k pieces more after <s>: compare from the back."""
    from torch.nn import functional

    extra = int((mask.sum(1) - own_mask.sum(1)).min())
    if extra < 0 or taught.shape[1] - learnt.shape[1] != extra:
        return functional.mse_loss(learnt[:, 0], taught[:, 0])
    inside = own_mask[:, 1:].bool()
    return functional.mse_loss(learnt[:, 1:][inside], taught[:, 1 + extra :][inside])
