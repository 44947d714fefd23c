//! Language models: any OpenAI-compatible server, or a GGUF file in this process.
