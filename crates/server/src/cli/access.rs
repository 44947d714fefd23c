//! What `voce key` takes.
use clap::Args;

#[derive(Args)]
#[command(after_help = "Examples:
  voce key shop                     print a key for the shop's site
  voce key shop >> /etc/voce/keys   put it into the file of access.keys_file")]
pub struct KeyArgs {
    /// Whose key it is: letters, digits, - and _. Limits and logs go by this name.
    #[arg(value_name = "NAME")]
    pub name: String,
}
