#!/usr/bin/env python3
"""Times kokoro-onnx on the model and voice of the store, for comparison with ours.

usage: kokoro.py [--threads N] [--repeat K] [--voice V] [--whole] [--phonemes P] TEXT

Prints one JSON: {"name", "median_seconds", "runs"}. As a rule only the model's run on ready phonemes is timed
(kokoro-onnx makes its phonemes by espeak); --whole times text to sound. --phonemes gives the phonemes to use,
for instance ours. Needs: pip install kokoro-onnx
"""

import argparse
import json
import os
import statistics
import time
from pathlib import Path

import numpy
import onnxruntime
from kokoro_onnx import Kokoro

parser = argparse.ArgumentParser()
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--repeat", type=int, default=5)
parser.add_argument("--voice", default="af_heart")
parser.add_argument("--whole", action="store_true")
parser.add_argument("--phonemes")
parser.add_argument("text")
arguments = parser.parse_args()

cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
model = Path(os.environ.get("VOCE_MODELS") or Path(cache) / "voce/models") / "kokoro-82m-int8"
style = numpy.fromfile(model / f"voices/{arguments.voice}.bin", dtype=numpy.float32).reshape(-1, 1, 256)

# kokoro-onnx takes its voices from one file of arrays by name.
voices = Path("/tmp") / f"kokoro-baseline-{os.getpid()}.npz"
numpy.savez(voices, **{arguments.voice: style})
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = arguments.threads
session = onnxruntime.InferenceSession(model / "model.onnx", options, providers=["CPUExecutionProvider"])
kokoro = Kokoro.from_session(session, str(voices))
voices.unlink()

accent = "en-gb" if arguments.voice.startswith("b") else "en-us"
phonemes = arguments.phonemes or kokoro.tokenizer.phonemize(arguments.text, accent)


def run():
    if arguments.whole:
        return kokoro.create(arguments.text, voice=arguments.voice, lang=accent)
    return kokoro.create(phonemes, voice=arguments.voice, lang=accent, is_phonemes=True)


run()
runs = []
for _ in range(arguments.repeat):
    begun = time.perf_counter()
    run()
    runs.append(time.perf_counter() - begun)
print(json.dumps({"name": "kokoro-onnx", "median_seconds": statistics.median(runs), "runs": runs}))
