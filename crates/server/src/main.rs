//! The voce binary.
fn main() {}
