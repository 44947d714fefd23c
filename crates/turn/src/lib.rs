//! Who is speaking and whether they are done: voice activity and end of turn.
