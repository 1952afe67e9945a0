"""Writes a transformers.BertModel as one small ONNX file: int8 weights, mean pooling and L2 norm inside the graph."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from transformers import BertModel

Array = npt.NDArray[Any]
OPSET = 20  # Gelu


class Graph:
    """Nodes and initialisers in the order they were added; every method returns the name of its output."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.sources: dict[str, Array] = {}

    def constant(self, array: Array) -> str:
        name = f"c{len(self.constants)}"
        self.sources[name] = array
        self.constants.append(numpy_helper.from_array(np.asarray(array, order="C"), name))
        return name

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def numbers(self, *values: int) -> str:
        return self.constant(np.array(values, np.int64))

    def linear(self, x: str, weight: Array, bias: Array) -> str:
        return self.op("Add", self.op("MatMul", x, self.constant(weight.T)), self.constant(bias))

    def norm(self, x: str, weight: Array, bias: Array, epsilon: float) -> str:
        return self.op("LayerNormalization", x, self.constant(weight), self.constant(bias), axis=-1, epsilon=epsilon)


def export(bert: BertModel, path: Path) -> None:
    """`encoder.onnx`: input_ids, attention_mask int64 [n, t] → vectors float32 [n, hidden], the mean of the states, each of length 1;
    first float32 [n, hidden], the state of `<s>`, which a tuned model may use for what a message is in its situation."""
    _quantised(build_graph(bert), path)


def export_reader(bert: BertModel, shared: Array, weight: Array, bias: Array, path: Path) -> None:
    """`reader.onnx`: input_ids, attention_mask, shared int64 [n, t] → answers float32 [n], the logit of the first piece; inside float32
    [n, t], that of every piece. `shared` float32 [3, hidden] is added to a piece by how much of it is shared; `weight` float32 [2, hidden],
    `bias` [2]: of answers, of inside."""
    graph = Graph()
    x, _ = _states(graph, bert, graph.op("Gather", graph.constant(shared), "shared"))
    logits = graph.linear(x, weight, bias)
    first = graph.op("Gather", logits, graph.constant(np.array(0, np.int64)), axis=1)
    graph.nodes.append(helper.make_node("Gather", [first, graph.constant(np.array(0, np.int64))], ["answers"], name="answers", axis=1))
    graph.nodes.append(helper.make_node("Gather", [logits, graph.constant(np.array(1, np.int64))], ["inside"], name="inside", axis=2))
    _quantised(_model(graph, {"answers": ["n"], "inside": ["n", "t"]}, ("input_ids", "attention_mask", "shared")), path)


def taken_back(path: Path, bert: BertModel) -> BertModel:
    """`bert` with the weights of an encoder that `export` wrote from one of its shape: int8 numbers times their scales."""
    import torch

    graph, stored = Graph(), {t.name: numpy_helper.to_array(t) for t in onnx.load(str(path)).graph.initializer}
    state = {name: tensor.detach().numpy() for name, tensor in bert.state_dict().items()}
    _states(graph, bert, state=state)
    words, scale, places = _tables(stored)
    new = {"embeddings.word_embeddings.weight": words.astype(np.float32) * scale, "embeddings.position_embeddings.weight": places}
    new["embeddings.token_type_embeddings.weight"] = np.zeros_like(state["embeddings.token_type_embeddings.weight"])
    for constant, source in graph.sources.items():
        name = next((n for n, array in state.items() if array is source or array is source.base), None)
        if name is not None:
            new[name] = _floats(stored, constant) if state[name] is source else _floats(stored, constant).T
    if missing := state.keys() - new.keys():
        raise ValueError(f"{path} does not fit: no weights for {', '.join(sorted(missing))}")
    bert.load_state_dict({name: torch.from_numpy(np.array(array, np.float32)) for name, array in new.items()})
    return bert


def _tables(stored: dict[str, Array]) -> tuple[Array, Array, Array]:
    """Word pieces as int8, their scales, and positions: the first constants of `_embeddings`."""
    words = next(a for n, a in stored.items() if a.dtype == np.int8 and not n.endswith("_quantized"))
    scale = next(a for a in stored.values() if a.shape == (len(words), 1))
    return words, scale, next(a for a in stored.values() if a.dtype == np.float16)


def _floats(stored: dict[str, Array], name: str) -> Array:
    if name in stored:
        return stored[name]
    whole = stored[f"{name}_quantized"].astype(np.float32) - stored[f"{name}_zero_point"].astype(np.float32)
    return np.asarray(whole * stored[f"{name}_scale"])


def _quantised(model: onnx.ModelProto, path: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    onnx.checker.check_model(model)
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "plain.onnx"
        onnx.save(model, plain)
        logging.getLogger().disabled = True  # the quantiser advises on pre-processing that this graph does not need
        try:
            quantize_dynamic(plain, path, op_types_to_quantize=["MatMul"], per_channel=True, reduce_range=True, weight_type=QuantType.QInt8)
        finally:
            logging.getLogger().disabled = False


def build_graph(bert: BertModel) -> onnx.ModelProto:
    graph = Graph()
    x, mask = _states(graph, bert)
    weights = graph.op("Unsqueeze", mask, graph.numbers(2))
    total = graph.op("ReduceSum", graph.op("Mul", x, weights), graph.numbers(1), keepdims=0)
    length = graph.op("ReduceL2", total, graph.numbers(1), keepdims=1)  # the mean's length falls out of the L2 norm
    graph.nodes.append(helper.make_node("Div", [total, length], ["vectors"], name="vectors"))
    graph.nodes.append(helper.make_node("Gather", [x, graph.constant(np.array(0, np.int64))], ["first"], name="first", axis=1))
    hidden = int(bert.config.hidden_size)
    return _model(graph, {"vectors": ["n", hidden], "first": ["n", hidden]})


def _model(graph: Graph, outputs: dict[str, list[Any]], inputs: Sequence[str] = ("input_ids", "attention_mask")) -> onnx.ModelProto:
    asked = [helper.make_tensor_value_info(name, TensorProto.INT64, ["n", "t"]) for name in inputs]
    given = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()]
    body = helper.make_graph(graph.nodes, "encoder", asked, given, graph.constants)
    return helper.make_model(body, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)


def _states(graph: Graph, bert: BertModel, added: str = "", state: dict[str, Array] | None = None) -> tuple[str, str]:
    """The states of the last layer, [n, t, hidden], and the mask as floats; `added`: to the word pieces; `state`: the weights as arrays."""
    state = state or {name: tensor.detach().numpy() for name, tensor in bert.state_dict().items()}
    config = bert.config
    epsilon, heads = float(config.layer_norm_eps), int(config.num_attention_heads)
    x = _embeddings(graph, state, epsilon, added)
    mask = graph.op("Cast", "attention_mask", to=TensorProto.FLOAT)
    away = graph.op("Mul", graph.op("Sub", graph.constant(np.array(1, np.float32)), mask), graph.constant(np.array(-1e9, np.float32)))
    bias = graph.op("Unsqueeze", away, graph.numbers(1, 2))
    for layer in range(int(config.num_hidden_layers)):
        part = {n.removeprefix(f"encoder.layer.{layer}."): a for n, a in state.items() if n.startswith(f"encoder.layer.{layer}.")}
        x = _layer(graph, part, x, bias, heads, epsilon)
    return x, mask


def _embeddings(graph: Graph, state: dict[str, Array], epsilon: float, added: str = "") -> str:
    """Word pieces as int8 with a scale a row (a quarter of the size); position and the only token type are one table."""
    words = state["embeddings.word_embeddings.weight"]
    scale = np.maximum(np.abs(words).max(axis=1, keepdims=True) / 127, 1e-9).astype(np.float32)
    table = graph.constant(np.round(words / scale).astype(np.int8))
    word = graph.op("Cast", graph.op("Gather", table, "input_ids"), to=TensorProto.FLOAT)
    word = graph.op("Mul", word, graph.op("Gather", graph.constant(scale), "input_ids"))
    places = state["embeddings.position_embeddings.weight"] + state["embeddings.token_type_embeddings.weight"][0]
    word = graph.op("Add", word, added) if added else word
    length = graph.op("Shape", "input_ids", start=1, end=2)
    rows = graph.op("Slice", graph.constant(places.astype(np.float16)), graph.numbers(0), length, graph.numbers(0))
    place = graph.op("Cast", rows, to=TensorProto.FLOAT)
    return graph.norm(graph.op("Add", word, place), state["embeddings.LayerNorm.weight"], state["embeddings.LayerNorm.bias"], epsilon)


def _layer(graph: Graph, part: dict[str, Array], x: str, bias: str, heads: int, epsilon: float) -> str:
    own = "attention.self."
    hidden = part[own + "query.weight"].shape[0]
    shape = graph.numbers(0, 0, heads, hidden // heads)
    asked = {}
    for name in ("query", "key", "value"):
        flat = graph.linear(x, part[f"{own}{name}.weight"], part[f"{own}{name}.bias"])
        perm = [0, 2, 3, 1] if name == "key" else [0, 2, 1, 3]
        asked[name] = graph.op("Transpose", graph.op("Reshape", flat, shape), perm=perm)
    scores = graph.op(
        "Div", graph.op("MatMul", asked["query"], asked["key"]), graph.constant(np.array((hidden // heads) ** 0.5, np.float32))
    )
    weights = graph.op("Softmax", graph.op("Add", scores, bias), axis=-1)
    seen = graph.op("Transpose", graph.op("MatMul", weights, asked["value"]), perm=[0, 2, 1, 3])
    seen = graph.op("Reshape", seen, graph.numbers(0, 0, hidden))
    out = graph.linear(seen, part["attention.output.dense.weight"], part["attention.output.dense.bias"])
    x = graph.norm(graph.op("Add", out, x), part["attention.output.LayerNorm.weight"], part["attention.output.LayerNorm.bias"], epsilon)
    wide = graph.op("Gelu", graph.linear(x, part["intermediate.dense.weight"], part["intermediate.dense.bias"]))
    out = graph.linear(wide, part["output.dense.weight"], part["output.dense.bias"])
    return graph.norm(graph.op("Add", out, x), part["output.LayerNorm.weight"], part["output.LayerNorm.bias"], epsilon)
