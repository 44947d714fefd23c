//! Simulated callers: scenarios, how they are spoken, and what is expected of the assistant.
