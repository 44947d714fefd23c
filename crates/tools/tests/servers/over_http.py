"""An MCP server by streamable HTTP, of the official Python SDK. Prints its address."""
import socket

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations

server = MCPServer("prices")


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def price(item: str, count: int = 1) -> str:
    """What an item costs."""
    if item != "pump":
        raise ToolError(f"there is no {item}")
    return f"{count * 80} dollars"


with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
print(f"http://127.0.0.1:{port}/mcp", flush=True)
server.run(transport="streamable-http", host="127.0.0.1", port=port)
