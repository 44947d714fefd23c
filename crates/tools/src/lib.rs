//! Tools: requests over HTTP that the configuration describes, and MCP servers.
mod config;
mod http;
mod mcp;
mod names;
mod policy;
mod schema;
mod template;
mod toolbox;

pub use config::{Config, HttpTool, McpServer, Method, PolicyConfig};
pub use toolbox::{Listed, Toolbox};
