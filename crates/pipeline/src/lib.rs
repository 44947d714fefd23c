//! The assistant itself: stages, turn-taking, the loop of a call. Knows no engine and no transport.
