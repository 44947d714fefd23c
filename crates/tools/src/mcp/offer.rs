//! Which tools of an MCP server the model is offered, and how they are called. Pure.
use rmcp::model::Tool;
use serde_json::{Map, Value, json};
use voce_core::ToolPolicy;

use crate::{
    config::{McpServer, PolicyConfig},
    policy,
};

/// Longer ones are refused by some servers of language models.
const DESCRIPTION_CHARACTERS: usize = 1_000;

/// A tool that the configuration lets through.
#[derive(Clone, Debug, PartialEq)]
pub struct Offer {
    /// What stands before its name.
    pub prefix: String,
    /// The server's own name for it.
    pub name: String,
    /// For the model.
    pub description: String,
    /// JSON schema of its arguments.
    pub parameters: Value,
    /// How it is called.
    pub policy: ToolPolicy,
}

/// What can be seen to be wrong before the server is there. The error names the key.
pub fn check(config: &McpServer) -> Result<(), String> {
    let is_plain = |one: char| one.is_ascii_alphanumeric() || one == '_' || one == '-';
    if config.name.is_empty() || config.name.len() > 32 || !config.name.chars().all(is_plain) {
        return Err(format!("name: {:?}; expected 1 to 32 letters, digits, _ and -", config.name));
    }
    match (config.command.is_empty(), config.url.is_empty()) {
        (true, true) => Err("either command or url is needed".into()),
        (false, false) => Err("command and url are both there; one server is reached one way".into()),
        (true, false) if !config.args.is_empty() || !config.env.is_empty() => {
            Err("args and env belong to a command".into())
        }
        (false, true) if !config.headers.is_empty() => Err("headers belong to a url".into()),
        _ => Ok(()),
    }
}

/// Those of `tools` that are offered, in their order.
pub fn all(config: &McpServer, tools: &[Tool]) -> Vec<Offer> {
    let prefix = config.prefix.clone().unwrap_or_else(|| format!("{}_", config.name));
    let is_wanted = |tool: &&Tool| {
        let is_in = |list: &[String]| list.iter().any(|name| *name == tool.name);
        (config.only.is_empty() || is_in(&config.only)) && !is_in(&config.except)
    };
    tools.iter().filter(is_wanted).map(|tool| offer(config, &prefix, tool)).collect()
}

fn offer(config: &McpServer, prefix: &str, tool: &Tool) -> Offer {
    let only_reads = tool.annotations.as_ref().and_then(|notes| notes.read_only_hint) == Some(true);
    let own = config.tools.get(tool.name.as_ref());
    let settings: Vec<&PolicyConfig> = own.into_iter().chain([&config.policy]).collect();
    let description = tool.description.as_deref().or(tool.title.as_deref()).unwrap_or(&tool.name);
    Offer {
        prefix: prefix.to_owned(),
        name: tool.name.to_string(),
        description: description.trim().chars().take(DESCRIPTION_CHARACTERS).collect(),
        parameters: parameters(&tool.input_schema),
        policy: policy::of(&settings, !only_reads),
    }
}

/// The schema with what servers of language models insist on.
fn parameters(schema: &Map<String, Value>) -> Value {
    let mut schema = schema.clone();
    schema.remove("$schema");
    schema.entry("type").or_insert(json!("object"));
    schema.entry("properties").or_insert(json!({}));
    Value::Object(schema)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Arc};

    use rmcp::model::ToolAnnotations;

    use super::*;

    fn shop() -> McpServer {
        McpServer { name: "shop".into(), command: "shop".into(), ..McpServer::default() }
    }

    fn tools() -> [Tool; 3] {
        let tool = |name: &'static str| Tool::new(name, "Does it.", Arc::new(Map::new()));
        [
            tool("status").with_annotations(ToolAnnotations::new().read_only(true)),
            tool("cancel").with_annotations(ToolAnnotations::new().read_only(false).destructive(true)),
            tool("other"),
        ]
    }

    #[test]
    fn what_a_tool_says_of_itself_counts_where_the_configuration_is_silent() {
        let offers = all(&shop(), &tools());
        let effects: Vec<bool> = offers.iter().map(|offer| offer.policy.has_effects).collect();
        assert_eq!(effects, [false, true, true]);
        assert_eq!(offers[0].prefix, "shop_");
        assert_eq!(offers[0].parameters, json!({"type": "object", "properties": {}}));
        let quiet = PolicyConfig { effects: Some(true), ..PolicyConfig::default() };
        let asked = PolicyConfig { confirm: Some("Shall I?".into()), ..PolicyConfig::default() };
        let config = McpServer {
            policy: quiet,
            tools: BTreeMap::from([("cancel".into(), asked)]),
            prefix: Some(String::new()),
            except: vec!["other".into()],
            ..shop()
        };
        let offers = all(&config, &tools());
        assert_eq!(offers.len(), 2);
        assert!(offers[0].policy.has_effects && offers[0].policy.confirm.is_none());
        assert_eq!(offers[1].policy.confirm.as_deref(), Some("Shall I?"));
        let only = all(&McpServer { only: vec!["other".into()], ..shop() }, &tools());
        assert_eq!(only.iter().map(|offer| offer.name.as_str()).collect::<Vec<_>>(), ["other"]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(check(&shop()), Ok(()));
        for (config, expected) in [
            (McpServer { name: "a shop".into(), ..shop() }, "name"),
            (McpServer { command: String::new(), ..shop() }, "command or url"),
            (McpServer { url: "http://x".into(), ..shop() }, "both"),
            (McpServer { headers: BTreeMap::from([("a".into(), "b".into())]), ..shop() }, "headers"),
        ] {
            assert!(check(&config).is_err_and(|error| error.contains(expected)), "{expected}");
        }
    }
}
