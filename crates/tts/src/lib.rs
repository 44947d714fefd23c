//! Text to speech: normalisation, phonemes, Kokoro through ONNX Runtime.
