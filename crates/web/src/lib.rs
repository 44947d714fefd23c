//! The browser page, embedded.
