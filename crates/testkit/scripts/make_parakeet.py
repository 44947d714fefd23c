#!/usr/bin/env python3
"""Makes a Parakeet of random weights: the files, names, ranks and types of the real exports, a few hundred KB.

usage: make_parakeet.py FOLDER [--seed N] [--mels 128] [--width 64] [--states 32] [--tokens 60] [--per-frame N]
                        [--blank-bias B] [--suffix .int8] [--external] [--no-config]

Its words are nonsense, but they depend on the sound, so that two readers of it can be compared. --external keeps the
encoder's weights in encoder-model.onnx.data, --suffix names the graphs like a quantised model's, --per-frame sets
max_tokens_per_step, --no-config leaves config.json out (readers then take 80 mels). Needs: pip install numpy onnx
"""

import argparse
import json
from pathlib import Path

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

DURATIONS = 5
LAYERS = 2

parser = argparse.ArgumentParser()
parser.add_argument("folder", type=Path)
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--mels", type=int, default=128)
parser.add_argument("--width", type=int, default=64)
parser.add_argument("--states", type=int, default=32)
parser.add_argument("--tokens", type=int, default=60)
parser.add_argument("--per-frame", type=int)
parser.add_argument("--blank-bias", type=float, default=1.0)
parser.add_argument("--suffix", default="")
parser.add_argument("--external", action="store_true")
parser.add_argument("--no-config", action="store_true")
options = parser.parse_args()
chance = numpy.random.default_rng(options.seed)
blank = options.tokens


class Graph:
    """Nodes and weights, written down in order."""

    def __init__(self):
        self.nodes, self.weights = [], []

    def constant(self, name, value):
        self.weights.append(numpy_helper.from_array(numpy.ascontiguousarray(value), name))
        return name

    def random(self, name, *shape, gain=1.0):
        spread = gain / numpy.sqrt(numpy.prod(shape[1:]))
        return self.constant(name, (chance.standard_normal(shape) * spread).astype(numpy.float32))

    def add(self, kind, inputs, outputs, **attributes):
        self.nodes.append(helper.make_node(kind, inputs, outputs, **attributes))
        return outputs[0]

    def save(self, name, inputs, outputs, external=False):
        graph = helper.make_graph(self.nodes, name, inputs, outputs, self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(model)
        file = options.folder / f"{name}{options.suffix}.onnx"
        if external:
            onnx.save(model, file, save_as_external_data=True, location=file.name + ".data", size_threshold=1024)
        else:
            onnx.save(model, file)


def tensor(name, kind, *shape):
    return helper.make_tensor_value_info(name, kind, shape)


def encoder():
    """Three convolutions of stride 2 over the valid columns: one frame for each 8 columns."""
    graph = Graph()
    zero, one = graph.constant("zero", numpy.int64(0)), graph.constant("one", numpy.int64(1))
    two, axis = graph.constant("two", numpy.int64(2)), graph.constant("axis", numpy.array([1]))
    graph.add("Shape", ["audio_signal"], ["columns_shape"], start=2, end=3)
    graph.add("Squeeze", ["columns_shape"], ["columns"])
    graph.add("Range", [zero, "columns", one], ["places"])
    graph.add("Unsqueeze", ["length", axis], ["length_column"])
    graph.add("Less", ["places", "length_column"], ["valid"])
    graph.add("Cast", ["valid"], ["valid_float"], to=TensorProto.FLOAT)
    graph.add("Unsqueeze", ["valid_float", axis], ["mask"])
    sound, length = graph.add("Mul", ["audio_signal", "mask"], ["masked"]), "length"
    channels = [options.mels, options.width, options.width, options.width]
    for layer in range(3):
        last = layer == 2
        weights = graph.random(f"conv_{layer}", channels[layer + 1], channels[layer], 3, gain=1.7)
        bias = graph.random(f"bias_{layer}", channels[layer + 1], gain=0.1)
        sound = graph.add(
            "Conv", [sound, weights, bias], ["outputs" if last else f"conv_out_{layer}"], strides=[2], pads=[1, 1]
        )
        if not last:
            sound = graph.add("Relu", [sound], [f"relu_{layer}"])
        graph.add("Sub", [length, one], [f"less_{layer}"])
        graph.add("Div", [f"less_{layer}", two], [f"half_{layer}"])
        length = graph.add("Add", [f"half_{layer}", one], ["encoded_lengths" if last else f"length_{layer}"])
    graph.save(
        "encoder-model",
        [tensor("audio_signal", TensorProto.FLOAT, "batch", options.mels, "columns"), tensor("length", TensorProto.INT64, "batch")],
        [tensor("outputs", TensorProto.FLOAT, "batch", options.width, "frames"), tensor("encoded_lengths", TensorProto.INT64, "batch")],
        options.external,
    )


def decoder_joint():
    """An embedding, two LSTM layers, and a joint network that adds them to the encoder's frame."""
    graph, size, joint = Graph(), options.states, 40
    logits = options.tokens + 1 + DURATIONS
    axes = [graph.constant(f"axis_{axis}", numpy.array([axis])) for axis in range(3)]
    embedding = graph.random("embedding", options.tokens + 1, size, gain=6.0)
    graph.add("Gather", [embedding, "targets"], ["embedded"])
    layer_input = graph.add("Transpose", ["embedded"], ["layer_0"], perm=[1, 0, 2])
    for layer in range(LAYERS):
        for state, name in enumerate(["hidden", "cell"], start=1):
            bounds = [axes[layer], graph.constant(f"end_{name}_{layer}", numpy.array([layer + 1])), axes[0]]
            graph.add("Slice", [f"input_states_{state}", *bounds], [f"{name}_{layer}"])
        weights = graph.random(f"input_weights_{layer}", 1, 4 * size, size, gain=2.6 * numpy.sqrt(size))
        recurrent = graph.random(f"recurrent_weights_{layer}", 1, 4 * size, size, gain=1.8 * numpy.sqrt(size))
        zeros = graph.constant(f"zeros_{layer}", numpy.zeros((1, 8 * size), numpy.float32))
        graph.add(
            "LSTM",
            [layer_input, weights, recurrent, zeros, "", f"hidden_{layer}", f"cell_{layer}"],
            [f"sequence_{layer}", f"hidden_out_{layer}", f"cell_out_{layer}"],
            hidden_size=size,
        )
        layer_input = graph.add("Squeeze", [f"sequence_{layer}", axes[1]], [f"layer_{layer + 1}"])
    for state, name in enumerate(["hidden", "cell"], start=1):
        graph.add("Concat", [f"{name}_out_{layer}" for layer in range(LAYERS)], [f"output_states_{state}"], axis=0)
    graph.add("Transpose", [layer_input], ["predicted"], perm=[1, 0, 2])
    graph.add("MatMul", ["predicted", graph.random("from_text", size, joint, gain=4.0)], ["text"])
    graph.add("Transpose", ["encoder_outputs"], ["heard"], perm=[0, 2, 1])
    graph.add("MatMul", ["heard", graph.random("from_sound", options.width, joint, gain=1.2)], ["sound"])
    graph.add("Unsqueeze", ["text", axes[1]], ["text_grid"])
    graph.add("Unsqueeze", ["sound", axes[2]], ["sound_grid"])
    graph.add("Add", ["text_grid", "sound_grid"], ["joined"])
    graph.add("Relu", ["joined"], ["active"])
    bias = numpy.zeros(logits, numpy.float32)
    bias[blank] = options.blank_bias
    bias[blank + 1 :] = [-0.4, 0.4, 0.5, 0.4, 0.2]
    graph.add("MatMul", ["active", graph.random("to_logits", joint, logits, gain=1.5)], ["unbiased"])
    graph.add("Add", ["unbiased", graph.constant("bias", bias)], ["outputs"])
    graph.add("Identity", ["target_length"], ["prednet_lengths"])
    states = lambda side: [tensor(f"{side}_states_{state}", TensorProto.FLOAT, LAYERS, "batch", size) for state in (1, 2)]
    graph.save(
        "decoder_joint-model",
        [
            tensor("encoder_outputs", TensorProto.FLOAT, "batch", options.width, "frames"),
            tensor("targets", TensorProto.INT32, "batch", "targets"),
            tensor("target_length", TensorProto.INT32, "batch"),
            *states("input"),
        ],
        [
            tensor("outputs", TensorProto.FLOAT, "batch", "frames", "targets", logits),
            tensor("prednet_lengths", TensorProto.INT32, "batch"),
            *states("output"),
        ],
    )


def vocabulary():
    """Words, parts of words and punctuation, so that joining them meets every rule about spaces."""
    parts = ["<unk>", "▁", ".", ",", "?", "'", "▁'", "▁?", "7", "é", "▁über", "_"]
    letters = "etaoinshrdlucmfwypvbgkqjxz"
    while len(parts) < options.tokens:
        word = "".join(chance.choice(list(letters), chance.integers(1, 5)))
        parts.append(("▁" if chance.random() < 0.5 else "") + word)
    lines = [f"{part} {index}\n" for index, part in enumerate(parts[: options.tokens])]
    (options.folder / "vocab.txt").write_text("".join(lines) + f"<blk> {blank}\n", encoding="utf-8")


options.folder.mkdir(parents=True, exist_ok=True)
encoder()
decoder_joint()
vocabulary()
if not options.no_config:
    config = {"model_type": "nemo-conformer-tdt", "features_size": options.mels, "subsampling_factor": 8}
    if options.per_frame:
        config["max_tokens_per_step"] = options.per_frame
    (options.folder / "config.json").write_text(json.dumps(config))
