#!/usr/bin/env python3
"""What onnx-asr reads from sound with a Parakeet, as the reference for ours.

usage: parakeet_reference.py FOLDER FILE... [--quantization int8]

Prints one JSON list, an entry for each 16 kHz, 16-bit WAV file: {"ids", "seconds", "text", "mels", "frames"}, and
writes the features that the model got beside each file as FILE.features: "mels" rows of "frames" f32.
Needs: pip install numpy onnxruntime onnx-asr
"""

import argparse
import json
import warnings
import wave

import numpy
import onnx_asr

parser = argparse.ArgumentParser()
parser.add_argument("folder")
parser.add_argument("files", nargs="+")
parser.add_argument("--quantization")
options = parser.parse_args()
warnings.simplefilter("ignore")

adapter = onnx_asr.load_model(
    "nemo-conformer-tdt", options.folder, quantization=options.quantization, providers=["CPUExecutionProvider"]
)
model = adapter.asr
report = []
for file in options.files:
    with wave.open(file) as sound:
        pcm = numpy.frombuffer(sound.readframes(sound.getnframes()), dtype=numpy.int16)
    waveform = (pcm.astype(numpy.float32) / 32768)[None]
    lengths = numpy.array([waveform.shape[1]], dtype=numpy.int64)
    features, feature_lengths = model._preprocessor(waveform, lengths)
    ids, frames, _ = next(model._decoding(*model._encode(features, feature_lengths)))
    result = adapter.with_timestamps().recognize(waveform[0])
    features[0].astype(numpy.float32).tofile(file + ".features")
    report.append(
        {
            "ids": [int(id) for id in ids],
            "seconds": result.timestamps,
            "text": result.text,
            "mels": features.shape[1],
            "frames": features.shape[2],
        }
    )
print(json.dumps(report))
