//! Tools of an MCP server. One task keeps the connection: it connects, lists the tools, notices when the server is
//! gone, and connects again after a while. Calls go beside it.
mod children;
mod lines;
mod link;
mod offer;
mod outcome;

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use rmcp::{
    RoleClient,
    model::{CallToolRequestParams, PaginatedRequestParams, Tool},
    service::{Peer, RunningService, ServiceError},
};
use serde_json::{Map, Value};
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep, timeout},
};

pub use children::Children;
pub use offer::{Offer, check};

use crate::config::McpServer;

/// A server may have to be fetched and installed first (`npx`, `uvx`).
const CONNECTS_WITHIN: Duration = Duration::from_secs(60);
const LISTS_WITHIN: Duration = Duration::from_secs(20);
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// A connection that held so long was a good one.
const STEADY: Duration = Duration::from_secs(30);
/// Of one server. More than a model can choose from.
const TOOLS: usize = 128;
const PAGES: usize = 32;

/// One configured server.
pub struct Server {
    config: McpServer,
    link: link::Link,
    known: Mutex<Known>,
    /// That it should be asked again what it has, or whether it is there.
    doubt: Arc<Notify>,
    tried: watch::Sender<bool>,
}

/// What is known of it.
#[derive(Default)]
struct Known {
    peer: Option<Peer<RoleClient>>,
    /// Those of the last connection while there is none: the model shall hear that it is away.
    tools: Vec<Tool>,
    /// Why there is no connection.
    trouble: String,
}

impl Server {
    /// A server that was checked; not connected yet.
    pub fn new(
        config: &McpServer,
        variable: impl Fn(&str) -> Option<String>,
        children: Arc<Children>,
    ) -> Result<Self, String> {
        check(config)?;
        let doubt = Arc::new(Notify::new());
        let link = link::Link::new(config, variable, children, Arc::clone(&doubt))?;
        let known = Known { trouble: "it is not connected yet".into(), ..Known::default() };
        Ok(Self {
            config: config.clone(),
            link,
            known: Mutex::new(known),
            doubt,
            tried: watch::Sender::new(false),
        })
    }

    /// Its name in the configuration.
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// The program or the address, for people.
    pub fn place(&self) -> String {
        match self.config.url.as_str() {
            "" => format!("{} {}", self.config.command, self.config.args.join(" ")).trim().to_owned(),
            url => url.to_owned(),
        }
    }

    /// Why it is away; none while it is connected.
    pub fn trouble(&self) -> Option<String> {
        let known = self.known.lock();
        known.peer.is_none().then(|| known.trouble.clone())
    }

    /// The tools that the configuration lets through.
    pub fn offers(&self) -> Vec<Offer> {
        offer::all(&self.config, &self.known.lock().tools)
    }

    /// Returns once it was tried to connect.
    pub async fn tried(&self) {
        self.tried.subscribe().wait_for(|tried| *tried).await.ok();
    }

    /// Calls a tool by the server's own name. Dropping the future tells the server. The error is for the model.
    pub async fn call(&self, tool: &str, arguments: Map<String, Value>) -> Result<String, String> {
        let peer = {
            let known = self.known.lock();
            let away = || format!("{} is away at the moment ({})", self.config.name, known.trouble);
            known.peer.clone().ok_or_else(away)?
        };
        let call = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments);
        match peer.call_tool(call).await {
            Ok(result) => outcome::text(result),
            Err(ServiceError::McpError(error)) => {
                Err(format!("{} refused: {}", self.config.name, error.message))
            }
            Err(error) => {
                self.doubt.notify_one();
                Err(format!("{} did not answer: {error}", self.config.name))
            }
        }
    }

    /// Keeps the connection, for ever. `changed` is called when there are other tools than before.
    pub async fn keep(self: Arc<Self>, changed: impl Fn()) {
        let name = &self.config.name;
        let (mut wait, mut is_told) = (FIRST_WAIT, false);
        loop {
            let connected = self.connected(&changed).await;
            let trouble = match connected {
                Ok(began) => {
                    is_told = false;
                    if began.elapsed() > STEADY {
                        wait = FIRST_WAIT;
                    }
                    "the connection ended".to_owned()
                }
                Err(trouble) => trouble,
            };
            if is_told {
                tracing::debug!(server = name, trouble, "an MCP server is still away");
            } else {
                tracing::warn!(
                    server = name,
                    trouble,
                    "an MCP server is away; it is tried again until it is there"
                );
                is_told = true;
            }
            {
                let mut known = self.known.lock();
                known.peer = None;
                known.trouble = trouble;
            }
            self.tried.send_replace(true);
            sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// Connects and stays until the connection ends. Returns when it began, or why it did not.
    async fn connected(&self, changed: &impl Fn()) -> Result<Instant, String> {
        let late = |_| format!("it did not answer within {} s", CONNECTS_WITHIN.as_secs());
        let (service, mut program) = timeout(CONNECTS_WITHIN, self.link.connect()).await.map_err(late)??;
        let began = Instant::now();
        let outcome = tokio::select! {
            outcome = self.attended(service, changed) => outcome,
            () = died(program.as_mut()) => Ok(began),
        };
        self.known.lock().peer = None;
        if let Some(program) = program {
            program.end().await;
        }
        outcome
    }

    /// Keeps what is known up to date until the connection ends.
    async fn attended(
        &self,
        service: RunningService<RoleClient, link::Listener>,
        changed: &impl Fn(),
    ) -> Result<Instant, String> {
        let (peer, began) = (service.peer().clone(), Instant::now());
        let tools = list(&peer).await?;
        tracing::info!(server = self.config.name, tools = tools.len(), "an MCP server is connected");
        {
            let mut known = self.known.lock();
            known.tools = tools;
            known.peer = Some(peer.clone());
        }
        changed();
        self.tried.send_replace(true);
        let mut ended = std::pin::pin!(service.waiting());
        loop {
            tokio::select! {
                _ = &mut ended => return Ok(began),
                () = self.doubt.notified() => match list(&peer).await {
                    Ok(tools) => self.learn(tools, changed),
                    Err(trouble) => {
                        tracing::debug!(server = self.config.name, trouble, "an MCP server is gone");
                        return Ok(began);
                    }
                },
            }
        }
    }

    fn learn(&self, tools: Vec<Tool>, changed: &impl Fn()) {
        let count = tools.len();
        let before = std::mem::replace(&mut self.known.lock().tools, tools);
        if before != self.known.lock().tools {
            tracing::info!(server = self.config.name, tools = count, "an MCP server changed its tools");
            changed();
        }
    }
}

/// Never, where there is no program.
async fn died(program: Option<&mut link::Program>) {
    match program {
        Some(program) => program.died().await,
        None => std::future::pending().await,
    }
}

async fn list(peer: &Peer<RoleClient>) -> Result<Vec<Tool>, String> {
    let mut tools = vec![];
    let mut page: Option<PaginatedRequestParams> = None;
    for _ in 0..PAGES {
        let late = |_| format!("it did not list its tools within {} s", LISTS_WITHIN.as_secs());
        let listed = timeout(LISTS_WITHIN, peer.list_tools(page)).await.map_err(late)?;
        let listed = listed.map_err(|error| format!("it did not list its tools: {error}"))?;
        tools.extend(listed.tools);
        if tools.len() > TOOLS {
            tracing::warn!(
                tools = tools.len(),
                "an MCP server has too many tools; the first {TOOLS} count, see `only`"
            );
            tools.truncate(TOOLS);
            break;
        }
        match listed.next_cursor {
            Some(cursor) => page = Some(PaginatedRequestParams::default().with_cursor(Some(cursor))),
            None => break,
        }
    }
    Ok(tools)
}
