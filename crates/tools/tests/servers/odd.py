"""An MCP server that does what servers should not, for tests. Its argument is a file that it writes what it saw to."""
import json
import os
import subprocess
import sys
import time

log = open(sys.argv[1], "a", buffering=1)
log.write(f"started {os.getpid()}\n")
# What it started itself has to end with it.
child = subprocess.Popen(["sleep", "600"])
log.write(f"child {child.pid}\n")
log.write("environment " + ",".join(sorted(os.environ)) + "\n")
tools = ["die", "hang", "more", "long", "deny"]


def send(message):
    print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)


for line in sys.stdin:
    message = json.loads(line)
    method, number = message.get("method"), message.get("id")
    if method == "initialize":
        send({"id": number, "result": {
            "protocolVersion": message["params"]["protocolVersion"],
            "capabilities": {"tools": {"listChanged": True}},
            "serverInfo": {"name": "odd", "version": "1"}}})
    elif method == "tools/list":
        # Two pages.
        begin = int(message.get("params", {}).get("cursor", 0))
        page = {"tools": [{"name": name, "inputSchema": {"type": "object"}} for name in tools[begin:begin + 3]]}
        if begin + 3 < len(tools):
            page["nextCursor"] = str(begin + 3)
        send({"id": number, "result": page})
    elif method == "notifications/cancelled":
        log.write(f"cancelled {message['params']['requestId']}\n")
    elif method == "tools/call":
        name = message["params"]["name"]
        log.write(f"call {name} {number}\n")
        if name == "die":
            sys.exit(3)
        elif name == "more":
            tools.append("another")
            send({"method": "notifications/tools/list_changed"})
            send({"id": number, "result": {"content": [{"type": "text", "text": "done"}]}})
        elif name == "long":
            send({"id": number, "result": {"content": [{"type": "text", "text": "x" * 100000}]}})
        elif name == "deny":
            send({"id": number, "error": {"code": -32602, "message": "not today"}})
