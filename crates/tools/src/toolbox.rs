//! All configured tools under one roof.
use std::{collections::HashMap, sync::Arc, time::Duration};

use futures_util::{
    FutureExt,
    future::{BoxFuture, join_all},
};
use parking_lot::RwLock;
use tokio::{runtime::Handle, task::JoinSet, time::timeout};
use voce_core::{EngineError, ToolCall, ToolDefinition, Tools};

use crate::{
    Config,
    http::Request,
    mcp::{Children, Server},
    names, schema,
};

const NAME: &str = "tools";
/// More than servers of language models take.
const MOST: usize = 128;

/// The tools of a configuration. Dropping it ends the programs that it started.
pub struct Toolbox {
    shared: Arc<Shared>,
    children: Arc<Children>,
    keeping: JoinSet<()>,
    start_wait: Duration,
}

struct Shared {
    requests: Vec<Arc<Request>>,
    servers: Vec<Arc<Server>>,
    table: RwLock<Table>,
    result_bytes: usize,
}

/// What there is now.
#[derive(Default)]
struct Table {
    definitions: Arc<[ToolDefinition]>,
    ways: HashMap<String, Way>,
}

/// How a tool is reached.
#[derive(Clone)]
enum Way {
    Http(Arc<Request>),
    Mcp { server: Arc<Server>, tool: String },
}

/// One tool or server, for people.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The tool.
    pub definition: ToolDefinition,
    /// Where it is from.
    pub from: String,
}

impl Toolbox {
    /// Checks the configuration and begins to connect to MCP servers, by tasks on `runtime`. The error names the key.
    pub fn start(config: &Config, runtime: &Handle) -> Result<Arc<Self>, EngineError> {
        let variable = |name: &str| std::env::var(name).ok();
        let children = Arc::new(Children::default());
        let mut requests: Vec<Arc<Request>> = vec![];
        for (place, tool) in config.http.iter().enumerate() {
            let wrong =
                |error| EngineError::load(NAME, format!("tools.http[{place}] ({}): {error}", tool.name));
            if requests.iter().any(|other| other.definition.name == tool.name) {
                return Err(wrong("there is another tool of this name".to_owned()));
            }
            requests.push(Arc::new(Request::new(tool, variable).map_err(wrong)?));
        }
        let mut servers: Vec<Arc<Server>> = vec![];
        for (place, server) in config.mcp.iter().enumerate() {
            let wrong =
                |error| EngineError::load(NAME, format!("tools.mcp[{place}] ({}): {error}", server.name));
            if servers.iter().any(|other| other.name() == server.name) {
                return Err(wrong("there is another server of this name".to_owned()));
            }
            let server = Server::new(server, variable, Arc::clone(&children)).map_err(wrong)?;
            servers.push(Arc::new(server));
        }
        let shared = Arc::new(Shared {
            requests,
            servers,
            table: RwLock::default(),
            result_bytes: config.result_bytes.max(1),
        });
        shared.look_again();
        let mut keeping = JoinSet::new();
        for server in &shared.servers {
            let (server, changed) = (Arc::clone(server), Arc::clone(&shared));
            keeping.spawn_on(server.keep(move || changed.look_again()), runtime);
        }
        let start_wait = Duration::from_millis(config.start_wait_ms);
        Ok(Arc::new(Self { shared, children, keeping, start_wait }))
    }

    /// Returns once every MCP server was tried, or after the configured wait.
    pub async fn ready(&self) {
        let all = join_all(self.shared.servers.iter().map(|server| server.tried()));
        if timeout(self.start_wait, all).await.is_err() {
            let waiting =
                self.troubles().into_iter().map(|(server, _)| server).collect::<Vec<_>>().join(", ");
            tracing::warn!(waiting, "MCP servers are late; their tools join when they are there");
        }
    }

    /// All tools, with where they are from.
    pub fn list(&self) -> Vec<Listed> {
        let table = self.shared.table.read();
        let from = |definition: &ToolDefinition| match table.ways.get(&definition.name) {
            Some(Way::Http(request)) => request.place(),
            Some(Way::Mcp { server, .. }) => format!("MCP server {} ({})", server.name(), server.place()),
            None => String::new(),
        };
        let listed =
            |definition: &ToolDefinition| Listed { definition: definition.clone(), from: from(definition) };
        table.definitions.iter().map(listed).collect()
    }

    /// MCP servers that are away, with the reason.
    pub fn troubles(&self) -> Vec<(String, String)> {
        let servers = self.shared.servers.iter();
        servers.filter_map(|server| Some((server.name().to_owned(), server.trouble()?))).collect()
    }
}

impl Drop for Toolbox {
    fn drop(&mut self) {
        // While the tasks still run: they reap what ends.
        self.children.end();
        self.keeping.abort_all();
    }
}

impl Tools for Toolbox {
    fn definitions(&self) -> Arc<[ToolDefinition]> {
        Arc::clone(&self.shared.table.read().definitions)
    }

    fn call(&self, call: ToolCall) -> BoxFuture<'static, Result<String, EngineError>> {
        let shared = Arc::clone(&self.shared);
        async move { shared.call(&call).await.map_err(|error| EngineError::run(NAME, error)) }.boxed()
    }
}

impl Shared {
    /// Asks all what they have.
    fn look_again(&self) {
        let mut definitions: Vec<ToolDefinition> = vec![];
        let mut ways = HashMap::new();
        for request in &self.requests {
            definitions.push(request.definition.clone());
            ways.insert(request.definition.name.clone(), Way::Http(Arc::clone(request)));
        }
        for server in &self.servers {
            for offer in server.offers() {
                let name = names::unique(&offer.prefix, &offer.name, |name| ways.contains_key(name));
                definitions.push(ToolDefinition {
                    name: name.clone(),
                    description: offer.description,
                    parameters: offer.parameters,
                    policy: offer.policy,
                });
                ways.insert(name, Way::Mcp { server: Arc::clone(server), tool: offer.name });
            }
        }
        if definitions.len() > MOST {
            tracing::warn!(tools = definitions.len(), "there are too many tools; the first {MOST} count");
            definitions.truncate(MOST);
        }
        *self.table.write() = Table { definitions: definitions.into(), ways };
    }

    async fn call(&self, call: &ToolCall) -> Result<String, String> {
        let (way, arguments) = {
            let table = self.table.read();
            let definition = table.definitions.iter().find(|definition| definition.name == call.name);
            let (Some(definition), Some(way)) = (definition, table.ways.get(&call.name)) else {
                let names: Vec<&str> = table.definitions.iter().map(|one| one.name.as_str()).collect();
                let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
                return Err(format!("there is no tool {:?}; there are {names}", call.name));
            };
            (way.clone(), schema::arguments(&call.arguments, &definition.parameters)?)
        };
        let result = match way {
            Way::Http(request) => request.send(arguments).await?,
            Way::Mcp { server, tool } => server.call(&tool, arguments).await?,
        };
        Ok(cut(result, self.result_bytes))
    }
}

/// The first `most` bytes, with a note where there were more.
fn cut(mut text: String, most: usize) -> String {
    let length = text.len();
    if length > most {
        let end = (0..=most).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
        text.truncate(end);
        text.push_str(&format!("\n[cut here: {end} of {length} bytes]"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_results_are_cut_between_letters() {
        assert_eq!(cut("short".into(), 5), "short");
        assert_eq!(cut("größe".into(), 3), "gr\n[cut here: 2 of 7 bytes]");
    }
}
