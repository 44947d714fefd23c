//! What `voce health` takes.
use clap::Args;

#[derive(Args)]
#[command(after_help = "Examples:
  voce health
  voce health --alive
  voce health --url https://voice.example.org")]
pub struct HealthArgs {
    /// The server to ask. Default: the one that the configuration describes, on this machine.
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// Only ask whether it is alive: /health in place of /ready.
    #[arg(long)]
    pub alive: bool,
}
