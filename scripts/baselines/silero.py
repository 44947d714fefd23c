#!/usr/bin/env python3
"""Times pipecat's Silero analyzer, for comparison with ours: one run hears a whole 16 kHz, 16-bit WAV file, 32 ms
at a time.

usage: silero.py [--threads 1] [--repeat K] FILES...

Prints one JSON: {"name", "median_seconds", "runs", "chunks"}; each run hears all files. pipecat fixes its session to
one thread, so that is the only count. Needs: pip install pipecat-ai onnxruntime
"""

import argparse
import json
import statistics
import sys
import time
import wave

from loguru import logger
from pipecat.audio.vad.silero import SileroVADAnalyzer

parser = argparse.ArgumentParser()
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--repeat", type=int, default=5)
parser.add_argument("files", nargs="+")
arguments = parser.parse_args()
if arguments.threads != 1:
    sys.exit("silero.py: pipecat runs Silero on one thread; leave out --threads")
logger.remove()

chunks = []
for file in arguments.files:
    with wave.open(file) as sound:
        pcm = sound.readframes(sound.getnframes())
    chunks += [pcm[start : start + 1024] for start in range(0, len(pcm) - 1023, 1024)]

analyzer = SileroVADAnalyzer(sample_rate=16_000)
analyzer.set_sample_rate(16_000)


def run():
    for chunk in chunks:
        analyzer.voice_confidence(chunk)


run()
runs = []
for _ in range(arguments.repeat):
    begun = time.perf_counter()
    run()
    runs.append(time.perf_counter() - begun)
median = statistics.median(runs)
print(json.dumps({"name": "pipecat silero", "median_seconds": median, "runs": runs, "chunks": len(chunks)}))
