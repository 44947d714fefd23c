//! Makes a plain `cargo build` work without Node: an empty `dist` embeds as "not built", and whatever is built into
//! it later is embedded by the next build.
use std::{fs, path::Path};

fn main() -> std::io::Result<()> {
    let dist = Path::new("dist");
    if !dist.exists() {
        fs::create_dir(dist)?;
    }
    println!("cargo:rerun-if-changed=dist");
    Ok(())
}
