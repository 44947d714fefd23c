//! The way to an MCP server: a program that is started, or an address.
use std::{collections::HashMap, process::Stdio, sync::Arc, time::Duration};

use reqwest::{Client, Url, header::HeaderMap};
use rmcp::{
    ClientHandler, RoleClient, ServiceExt,
    model::{ClientCapabilities, ClientConfig, Implementation},
    service::{NotificationContext, RunningService},
    transport::{StreamableHttpClientTransport, streamable_http_client::StreamableHttpClientTransportConfig},
};
use tokio::{
    io::{AsyncReadExt, BufReader},
    process::{ChildStderr, Command},
    sync::Notify,
    task::JoinSet,
    time::timeout,
};

use super::{
    children::{Child, Children},
    lines::Lines,
};
use crate::{config::McpServer, http};

/// The variables that every program gets.
const ALWAYS: [&str; 2] = ["PATH", "HOME"];
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const RESPONSE_BYTES: usize = 1 << 20;
/// How long a program may take to end when it is told to.
const ENDS_WITHIN: Duration = Duration::from_secs(2);
/// Of what a program writes beside the protocol, in one line of the log.
const LOG_BYTES: usize = 4_096;

/// How a server is reached.
pub struct Link {
    way: Way,
    doubt: Arc<Notify>,
}

enum Way {
    Program {
        name: String,
        command: String,
        args: Vec<String>,
        env: HashMap<String, String>,
        children: Arc<Children>,
    },
    Address {
        url: String,
        client: Client,
    },
}

/// A program that runs. Dropping it ends it at once.
pub struct Program {
    process: tokio::process::Child,
    group: Option<Child>,
    _log: JoinSet<()>,
}

impl Program {
    /// Returns when the program is no more. Its pipes say less: what it started may hold them open.
    pub async fn died(&mut self) {
        self.process.wait().await.ok();
    }

    /// Ends it and all that it started.
    pub async fn end(mut self) {
        if let Some(group) = &self.group {
            group.terminate();
        }
        timeout(ENDS_WITHIN, self.died()).await.ok();
    }
}

impl Link {
    /// Checks what the configuration says. The error names the key.
    pub fn new(
        config: &McpServer,
        variable: impl Fn(&str) -> Option<String>,
        children: Arc<Children>,
        doubt: Arc<Notify>,
    ) -> Result<Self, String> {
        if config.url.is_empty() {
            let mut env = HashMap::new();
            for name in ALWAYS {
                env.extend(variable(name).map(|value| (name.to_owned(), value)));
            }
            for name in &config.env {
                let value = variable(name)
                    .ok_or_else(|| format!("env: the environment variable {name} is not set"))?;
                env.insert(name.clone(), value);
            }
            let way = Way::Program {
                name: config.name.clone(),
                command: config.command.clone(),
                args: config.args.clone(),
                env,
                children,
            };
            return Ok(Self { way, doubt });
        }
        let url = Url::parse(&config.url).map_err(|error| format!("url: {:?}: {error}", config.url))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("url: {:?}; expected http:// or https://", config.url));
        }
        let headers: HeaderMap = http::headers(&config.headers, variable)?;
        // reqwest panics without a provider. Whoever installed one before us chose well.
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = Client::builder()
            .default_headers(headers)
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(http::within(&url))
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self { way: Way::Address { url: url.into(), client }, doubt })
    }

    /// A connection that is agreed on, and the program behind it, if it is one.
    pub async fn connect(&self) -> Result<(RunningService<RoleClient, Listener>, Option<Program>), String> {
        let client = Listener(Arc::clone(&self.doubt));
        match &self.way {
            Way::Program { name, command, args, env, children } => {
                let mut process = Command::new(command)
                    .args(args)
                    .env_clear()
                    .envs(env)
                    .stdin(Stdio::piped())
                    .stdout(Stdio::piped())
                    .stderr(Stdio::piped())
                    // Programs such as npx start others: they end together.
                    .process_group(0)
                    .spawn()
                    .map_err(|error| format!("{command} cannot be started: {error}"))?;
                let group = process.id().map(|id| children.add(id));
                let pipes = (process.stdout.take(), process.stdin.take());
                let mut log = JoinSet::new();
                if let Some(stderr) = process.stderr.take() {
                    log.spawn(told(name.clone(), stderr));
                }
                let program = Program { process, group, _log: log };
                let (Some(output), Some(input)) = pipes else {
                    return Err(format!("{command} has no pipes"));
                };
                let service = client
                    .serve((Lines::new(output, RESPONSE_BYTES), input))
                    .await
                    .map_err(|error| error.to_string())?;
                Ok((service, Some(program)))
            }
            Way::Address { url, client: http } => {
                let config = StreamableHttpClientTransportConfig::with_uri(url.as_str())
                    .max_json_response_size(RESPONSE_BYTES)
                    .max_sse_event_size(RESPONSE_BYTES)
                    .reinit_on_expired_session(true);
                let transport = StreamableHttpClientTransport::with_client(http.clone(), config);
                let service = client.serve(transport).await.map_err(|error| error.to_string())?;
                Ok((service, None))
            }
        }
    }
}

/// Our side of the protocol: it offers nothing to the server, and hears when its tools change.
pub struct Listener(Arc<Notify>);

impl ClientHandler for Listener {
    fn get_info(&self) -> ClientConfig {
        ClientConfig::new(
            ClientCapabilities::default(),
            Implementation::new("voce", env!("CARGO_PKG_VERSION")),
        )
    }

    async fn on_tool_list_changed(&self, _context: NotificationContext<RoleClient>) {
        self.0.notify_one();
    }
}

/// What a program writes to its standard error. It may repeat what was said, so nobody sees it who does not want to.
async fn told(server: String, stderr: ChildStderr) {
    let mut stderr = BufReader::new(stderr);
    let mut part = vec![0; LOG_BYTES];
    while let Ok(length @ 1..) = stderr.read(&mut part).await {
        let said = String::from_utf8_lossy(&part[..length]);
        tracing::debug!(server, said = said.trim_end(), "an MCP server says");
    }
}
