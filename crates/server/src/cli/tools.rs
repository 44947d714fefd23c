//! What `voce tools` takes.
use clap::Subcommand;

#[derive(Subcommand)]
#[command(after_help = "Examples:
  voce tools list --config config/examples/weather.toml
  voce tools call weather '{\"latitude\": 52.5, \"longitude\": 13.4}' --config config/examples/weather.toml")]
pub enum ToolsCommand {
    /// Show the tools, where they are from and how they are called.
    List {
        /// Print JSON in place of the table, with the schemas.
        #[arg(long)]
        json: bool,
    },
    /// Call one and print what the language model would be shown. Nobody is asked first.
    Call {
        /// The tool, by the name that `voce tools list` shows.
        name: String,
        /// Its arguments, one JSON object.
        #[arg(default_value = "{}", value_name = "JSON")]
        arguments: String,
    },
}
