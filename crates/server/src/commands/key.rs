//! `voce key NAME`: a new API key, as a line of the keys' file. It is kept nowhere.
use anyhow::Result;

use crate::{access::keys, cli::KeyArgs};

pub fn run(args: &KeyArgs) -> Result<()> {
    keys::check_name(&args.name)?;
    println!("{} {}", args.name, keys::fresh()?);
    // Beside the line, so that `>>` takes the line alone.
    eprintln!(
        "This line belongs into the file of access.keys_file (which only the server should read), or as NAME=KEY into \
         VOCE_API_KEYS.\nClients send the key as `Authorization: Bearer KEY`; voce's own commands take it from \
         VOCE_API_KEY."
    );
    Ok(())
}
