#!/usr/bin/env python3
"""Times pipecat's Smart Turn v3 analyzer (features and model), for comparison with ours.

usage: smart_turn.py [--threads N] [--repeat K] FILES...

Prints one JSON: {"name", "median_seconds", "runs", "probabilities"}; each run judges all files (16 kHz, 16-bit WAV)
once. Needs: pip install pipecat-ai onnxruntime
"""

import argparse
import json
import statistics
import time
import wave

import numpy
from loguru import logger
from pipecat.audio.turn.smart_turn.local_smart_turn_v3 import LocalSmartTurnAnalyzerV3

parser = argparse.ArgumentParser()
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--repeat", type=int, default=5)
parser.add_argument("files", nargs="+")
arguments = parser.parse_args()
logger.remove()

sounds = []
for file in arguments.files:
    with wave.open(file) as sound:
        pcm = numpy.frombuffer(sound.readframes(sound.getnframes()), dtype=numpy.int16)
    sounds.append(pcm.astype(numpy.float32) / 32768)

analyzer = LocalSmartTurnAnalyzerV3(sample_rate=16_000, cpu_count=arguments.threads)


def run():
    return [analyzer._predict_endpoint(sound)["probability"] for sound in sounds]


probabilities = run()
runs = []
for _ in range(arguments.repeat):
    begun = time.perf_counter()
    run()
    runs.append(time.perf_counter() - begun)
median = statistics.median(runs)
print(json.dumps({"name": "pipecat smart turn", "median_seconds": median, "runs": runs, "probabilities": probabilities}))
