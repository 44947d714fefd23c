//! `voce tools`: what the language model may call, and calling it by hand.
use std::{process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Result, bail};
use serde_json::json;
use tokio::{runtime::Handle, time::timeout};
use voce_core::{OnInterruption, ToolCall, ToolPolicy, Tools};
use voce_tools::{Listed, Toolbox};

use crate::{cli::ToolsCommand, config::Config};

/// A tool that is not there says so at once.
const UNKNOWN: Duration = Duration::from_secs(1);

pub async fn run(config: Config, command: ToolsCommand) -> Result<ExitCode> {
    if config.tools.is_empty() {
        bail!("no tools are configured; see [tools] in `voce config` and config/examples");
    }
    let toolbox = Toolbox::start(&config.tools, &Handle::current())?;
    toolbox.ready().await;
    let troubles = toolbox.troubles();
    for (server, trouble) in &troubles {
        eprintln!("voce: MCP server {server}: {trouble}");
    }
    let is_done = match command {
        ToolsCommand::List { json } => {
            list(&toolbox.list(), json)?;
            troubles.is_empty()
        }
        ToolsCommand::Call { name, arguments } => call(&toolbox, name, arguments).await,
    };
    // It waits for programs that it started, which an async task must not.
    tokio::task::spawn_blocking(move || drop(toolbox)).await?;
    Ok(if is_done { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn list(tools: &[Listed], as_json: bool) -> Result<()> {
    if as_json {
        let tools: Vec<_> = tools.iter().map(json_of).collect();
        println!("{}", serde_json::to_string_pretty(&json!({"tools": tools}))?);
        return Ok(());
    }
    for Listed { definition, from } in tools {
        println!("{}", definition.name);
        println!("  from    {from}");
        println!("  policy  {}", policy(&definition.policy));
        for line in definition.description.lines() {
            println!("          {line}");
        }
    }
    Ok(())
}

fn json_of(tool: &Listed) -> serde_json::Value {
    let policy = &tool.definition.policy;
    json!({
        "name": tool.definition.name,
        "from": tool.from,
        "description": tool.definition.description,
        "parameters": tool.definition.parameters,
        "policy": {
            "timeout_ms": policy.timeout.as_millis() as u64,
            "filler": policy.filler,
            "filler_after_ms": policy.filler_after.as_millis() as u64,
            "on_interruption": policy.on_interruption,
            "effects": policy.has_effects,
            "confirm": policy.confirm,
        },
    })
}

fn policy(policy: &ToolPolicy) -> String {
    let effects = if policy.has_effects { "has effects" } else { "only reads" };
    let interruption = match policy.on_interruption {
        OnInterruption::Cancel => "ends when the caller interrupts",
        OnInterruption::Finish => "goes on when the caller interrupts",
    };
    let mut words = format!("{effects}; {} ms at most; {interruption}", policy.timeout.as_millis());
    if !policy.filler.is_empty() {
        words += &format!("; after {} ms {:?} is said", policy.filler_after.as_millis(), policy.filler);
    }
    if let Some(question) = &policy.confirm {
        words += &format!("; the caller is asked {question:?}");
    }
    words
}

async fn call(toolbox: &Arc<Toolbox>, name: String, arguments: String) -> bool {
    let definitions = toolbox.definitions();
    let known = definitions.iter().find(|definition| definition.name == name);
    let limit = known.map_or(UNKNOWN, |definition| definition.policy.timeout);
    match timeout(limit, toolbox.call(ToolCall { id: "by-hand".into(), name, arguments })).await {
        Ok(Ok(result)) => {
            println!("{result}");
            true
        }
        Ok(Err(error)) => {
            eprintln!("voce: {error}");
            false
        }
        Err(_) => {
            eprintln!("voce: it took longer than {} ms (policy.timeout_ms)", limit.as_millis());
            false
        }
    }
}
