#!/usr/bin/env python3
"""An MCP server over standard input and output: the orders of a shop.

One JSON-RPC message a line, as the Model Context Protocol says; nothing but Python's own library. Orders live as long as
the program. --delay SECONDS makes every call take so long.
"""
import argparse
import json
import sys
import threading

ORDERS = {
    "1001": {"item": "garden pump", "state": "on its way", "arrives": "tomorrow"},
    "1002": {"item": "filter set", "state": "being packed", "arrives": "on Friday"},
    "1003": {"item": "ten metre hose", "state": "delivered", "arrives": "last Monday"},
}
ORDER = {
    "type": "object",
    "properties": {"order": {"type": "string", "description": "The number of the order, four digits"}},
    "required": ["order"],
}
TOOLS = [
    {
        "name": "order_status",
        "description": "Says what was ordered, where the order is and when it arrives.",
        "inputSchema": ORDER,
        "annotations": {"readOnlyHint": True},
    },
    {
        "name": "cancel_order",
        "description": "Cancels an order that is not delivered yet. It cannot be undone.",
        "inputSchema": ORDER,
        "annotations": {"readOnlyHint": False, "destructiveHint": True},
    },
    {
        "name": "list_orders",
        "description": "The numbers of all orders.",
        "inputSchema": {"type": "object", "properties": {}},
        "annotations": {"readOnlyHint": True},
    },
]

writing = threading.Lock()
# Calls that go on, by the id of their request, to be broken off.
going = {}


def send(message):
    with writing:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()


def answer(request, result):
    send({"jsonrpc": "2.0", "id": request["id"], "result": result})


def refuse(request, code, reason):
    send({"jsonrpc": "2.0", "id": request["id"], "error": {"code": code, "message": reason}})


def text(words, is_error=False):
    return {"content": [{"type": "text", "text": words}], "isError": is_error}


def run(name, arguments):
    if name == "list_orders":
        return text(", ".join(ORDERS))
    number = str(arguments.get("order", "")).strip()
    order = ORDERS.get(number)
    if order is None:
        return text(f"There is no order {number}.", is_error=True)
    if name == "order_status":
        return text(f"Order {number}, {order['item']}: {order['state']}, arrives {order['arrives']}.")
    if order["state"] in ("delivered", "cancelled"):
        return text(f"Order {number} is {order['state']} already; it cannot be cancelled.", is_error=True)
    order.update(state="cancelled", arrives="never")
    return text(f"Order {number} is cancelled.")


def call(request, delay):
    """Runs beside the reading of the next messages, so that it can be broken off."""
    broken_off = going[request["id"]]
    if delay and broken_off.wait(delay):
        return
    parameters = request.get("params", {})
    result = run(parameters.get("name"), parameters.get("arguments") or {})
    if going.pop(request["id"], None):
        answer(request, result)


def take(message, delay):
    method = message.get("method")
    if method == "notifications/cancelled":
        broken_off = going.pop(message.get("params", {}).get("requestId"), None)
        if broken_off:
            broken_off.set()
            print("a call was broken off", file=sys.stderr, flush=True)
    elif "id" not in message or method is None:
        pass
    elif method == "initialize":
        answer(message, {
            "protocolVersion": message["params"]["protocolVersion"],
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "shop", "version": "1.0.0"},
        })
    elif method == "ping":
        answer(message, {})
    elif method == "tools/list":
        answer(message, {"tools": TOOLS})
    elif method == "tools/call":
        if message["params"].get("name") not in [tool["name"] for tool in TOOLS]:
            refuse(message, -32602, f"there is no tool {message['params'].get('name')}")
            return
        going[message["id"]] = threading.Event()
        threading.Thread(target=call, args=(message, delay), daemon=True).start()
    else:
        refuse(message, -32601, f"{method} is not known here")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--delay", type=float, default=0.0, help="seconds that every call takes")
    delay = parser.parse_args().delay
    for line in sys.stdin:
        if line.strip():
            take(json.loads(line), delay)


if __name__ == "__main__":
    main()
