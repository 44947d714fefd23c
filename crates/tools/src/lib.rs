//! Tools: requests over HTTP that the configuration describes, and MCP servers.
