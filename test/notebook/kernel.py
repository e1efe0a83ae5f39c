"""Runs cells in a real tslab kernel. Reads JSON from stdin: {"kernels": a JUPYTER_PATH entry, "cells": [{"code": ...,
"interruptAt": [texts]}]}; a cell is interrupted whenever it prints one of them. Prints JSON: per cell, its messages."""

import json
import os
import subprocess
import sys

request = json.load(sys.stdin)
os.environ["JUPYTER_PATH"] = request["kernels"]

from jupyter_client.manager import start_new_kernel  # noqa: E402, reads JUPYTER_PATH


def run(manager, client, cell):
    message_id = client.execute(cell["code"])
    messages = []
    while True:
        message = client.get_iopub_msg(timeout=20)
        if message["parent_header"].get("msg_id") != message_id:
            continue
        kind, content = message["msg_type"], message["content"]
        if kind == "status" and content["execution_state"] == "idle":
            break
        if kind != "status":
            messages.append({"kind": kind, **content})
        if kind == "stream" and content["text"].strip() in cell.get("interruptAt", []):
            manager.interrupt_kernel()
    reply = client.get_shell_msg(timeout=20)
    while reply["parent_header"].get("msg_id") != message_id:
        reply = client.get_shell_msg(timeout=20)
    return {"status": reply["content"]["status"], "messages": messages}


# Node makes a pipe that it inherits non-blocking, for this process too.
manager, client = start_new_kernel(kernel_name="tslab", stdout=subprocess.DEVNULL)
try:
    json.dump([run(manager, client, cell) for cell in request["cells"]], sys.stdout)
finally:
    client.stop_channels()
    manager.shutdown_kernel(now=True)
