#!/usr/bin/env python3
"""Times onnxruntime's Python on the store's Moonshine graphs, decoding greedily with the cache as ours does.

usage: moonshine.py [--threads N] [--repeat K] FILES...

Prints one JSON: {"name", "median_seconds", "runs", "texts"}; each run transcribes all files (16 kHz, 16-bit WAV)
once. Needs: pip install onnxruntime tokenizers
"""

import argparse
import json
import math
import os
import statistics
import time
import wave
from pathlib import Path

import numpy
import onnxruntime
from tokenizers import Tokenizer

parser = argparse.ArgumentParser()
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--repeat", type=int, default=5)
parser.add_argument("files", nargs="+")
arguments = parser.parse_args()

cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
model = Path(os.environ.get("VOCE_MODELS") or Path(cache) / "voce/models") / "moonshine-base-en"
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = arguments.threads
options.inter_op_num_threads = 1
load = lambda name: onnxruntime.InferenceSession(model / name, options, providers=["CPUExecutionProvider"])
encoder, decoder = load("encoder_model.onnx"), load("decoder_model_merged.onnx")
tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
inputs = {entry.name: entry.shape for entry in decoder.get_inputs()}
caches = [name for name in inputs if name.startswith("past_key_values")]
present = lambda name: name.replace("past_key_values", "present")
changing = [name for name in caches if ".decoder." in name]

sounds = []
for file in arguments.files:
    with wave.open(file) as sound:
        pcm = numpy.frombuffer(sound.readframes(sound.getnframes()), dtype=numpy.int16)
    sounds.append(pcm.astype(numpy.float32)[None] / 32768)


def transcribe(sound):
    (hidden,) = encoder.run(["last_hidden_state"], {"input_values": sound})
    past = {name: numpy.zeros((1, inputs[name][1], 0, inputs[name][3]), numpy.float32) for name in caches}
    tokens, token, fresh = [], 1, caches
    for step in range(math.ceil(sound.shape[1] / 16_000 * 6.5) + 6):
        feed = {"input_ids": numpy.array([[token]]), "encoder_hidden_states": hidden, **past}
        feed["use_cache_branch"] = numpy.array([step > 0])
        logits, *values = decoder.run(["logits", *map(present, fresh)], feed)
        past.update(zip(fresh, values))
        fresh = changing
        token = int(logits[0, -1].argmax())
        if token == 2:
            break
        tokens.append(token)
    return tokenizer.decode(tokens).strip()


texts = [transcribe(sound) for sound in sounds]
runs = []
for _ in range(arguments.repeat):
    begun = time.perf_counter()
    for sound in sounds:
        transcribe(sound)
    runs.append(time.perf_counter() - begun)
print(json.dumps({"name": "onnxruntime moonshine", "median_seconds": statistics.median(runs), "runs": runs, "texts": texts}))
