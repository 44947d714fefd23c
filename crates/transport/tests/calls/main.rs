//! Calls over real UDP on the loopback interface, with the scripted caller at the far end.
mod leaks;
mod server;
mod signalling;
mod sound;
