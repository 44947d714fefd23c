//! Speech to text: Parakeet and Moonshine through ONNX Runtime.
