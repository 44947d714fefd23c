//! `[tools]`: what the assistant may call.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use voce_core::OnInterruption;

/// Requests over HTTP and MCP servers that the language model may call. Needs `llm.engine = "openai"`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The most of a result that the language model is shown, bytes; what is longer is cut, with a note.
    pub result_bytes: usize,
    /// How long the start waits for MCP servers, milliseconds. Those that are later join when they are there.
    pub start_wait_ms: u64,
    /// Requests over HTTP, as `[[tools.http]]`.
    pub http: Vec<HttpTool>,
    /// MCP servers, as `[[tools.mcp]]`.
    pub mcp: Vec<McpServer>,
}

impl Default for Config {
    fn default() -> Self {
        Self { result_bytes: 8_000, start_wait_ms: 3_000, http: vec![], mcp: vec![] }
    }
}

impl Config {
    /// Whether there is any.
    pub fn is_empty(&self) -> bool {
        self.http.is_empty() && self.mcp.is_empty()
    }
}

/// `[[tools.http]]`: one request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpTool {
    /// What the model calls it: letters, digits, `_` and `-`, at most 64.
    pub name: String,
    /// What it is good for, for the model.
    pub description: String,
    /// JSON schema of the arguments: an object. Empty: it takes none.
    pub parameters: Map<String, Value>,
    /// GET, POST, PUT, PATCH or DELETE.
    pub method: Method,
    /// The address; `{argument}` in its path is replaced, percent-encoded. Arguments cannot change where it leads.
    pub url: String,
    /// Fields of the query, with `{argument}`. A field whose argument the model left out is left out.
    pub query: BTreeMap<String, String>,
    /// Headers. `$NAME` is the environment variable of that name: the only place for secrets.
    pub headers: BTreeMap<String, String>,
    /// The body as JSON: a string that is only `{argument}` becomes its value, in longer ones it stands as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// What of the answer counts, as JSON pointer, e.g. `/current`. Empty: all of it.
    pub result: String,
    /// How it is called.
    pub policy: PolicyConfig,
}

/// The method of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Reads.
    #[default]
    Get,
    /// Adds or does.
    Post,
    /// Replaces.
    Put,
    /// Changes.
    Patch,
    /// Removes.
    Delete,
}

/// `[[tools.mcp]]`: a server of the Model Context Protocol, a program of this machine or an address.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct McpServer {
    /// What it is called in messages; its tools are `NAME_tool`.
    pub name: String,
    /// The program, spoken to by its standard input and output.
    pub command: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Names of environment variables that it gets beside PATH and HOME. Of the others it gets none.
    pub env: Vec<String>,
    /// The address, in the place of a program.
    pub url: String,
    /// Headers of every request to it. `$NAME` is the environment variable of that name.
    pub headers: BTreeMap<String, String>,
    /// What stands before the names of its tools, in the place of `NAME_`; may be empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// The only tools of it that are offered, by its own names. Empty: all.
    pub only: Vec<String>,
    /// Tools of it that are not offered.
    pub except: Vec<String>,
    /// How its tools are called.
    pub policy: PolicyConfig,
    /// What differs for single tools, by its own names.
    pub tools: BTreeMap<String, PolicyConfig>,
}

/// How a tool is called. What is left out is the default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PolicyConfig {
    /// A call that takes longer has failed, milliseconds. Default: 10000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// Said when a call takes longer than `filler_after_ms`. Empty: nothing. Default: a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filler: Option<String>,
    /// How long a caller may wait in silence, milliseconds. Default: 1500.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filler_after_ms: Option<u64>,
    /// What becomes of a call when the caller interrupts: `cancel`, or `finish`: what comes of it is known in the
    /// next turn. Default: `finish` with effects, else `cancel`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_interruption: Option<OnInterruption>,
    /// Whether it changes anything in the world. Default: true, but not for GET, nor where an MCP server says that it
    /// only reads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effects: Option<bool>,
    /// What the caller is asked before, with `{argument}` in the place of arguments. Default: nothing is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirm: Option<String>,
}
