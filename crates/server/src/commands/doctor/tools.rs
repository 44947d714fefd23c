//! What the language model may call.
use tokio::runtime::Handle;
use voce_core::Tools;
use voce_tools::Toolbox;

use super::{different, line};
use crate::{config::Config, variants};

/// Returns whether `serve` could run: a server that is away is no reason not to.
pub(super) async fn tell(config: &Config) -> bool {
    // What is wrong with variants was told before.
    let Ok(variants) = variants::of(config) else { return true };
    let mut healthy = true;
    for (of, config) in different(&variants, |all| &all.tools) {
        healthy &= tell_of(of, config).await;
    }
    healthy
}

async fn tell_of(of: &str, config: &Config) -> bool {
    let of = if of.is_empty() { String::new() } else { format!(" (variant {of})") };
    if config.tools.is_empty() {
        return line(true, "tools", &format!("none{of}"));
    }
    if config.llm.engine == voce_llm::Engine::Candle {
        let ignored = "ignored: the language model in this process calls none; set llm.engine = \"openai\"";
        line(false, "tools", &format!("{ignored}{of}"));
        return true;
    }
    let toolbox = match Toolbox::start(&config.tools, &Handle::current()) {
        Ok(toolbox) => toolbox,
        Err(error) => return line(false, "tools", &format!("{error}{of}")),
    };
    toolbox.ready().await;
    let definitions = toolbox.definitions();
    let names: Vec<&str> = definitions.iter().map(|one| one.name.as_str()).collect();
    line(true, "tools", &format!("{}: {}{of}", names.len(), names.join(", ")));
    for (server, trouble) in toolbox.troubles() {
        line(false, "tools", &format!("MCP server {server}: {trouble}; calls work without it{of}"));
    }
    true
}
