"""The explorer's modules in node: what they compute, beside what Python computes of the same numbers."""

import json
import os
import shutil
import subprocess
from contextlib import contextmanager

import numpy as np

from widgets.explorer import FOLDER

NODE = shutil.which("node")
MISSING = NODE is None and os.environ.get("CI") != "true"  # in CI there has to be one
REASON = "no node here: install Node.js 20 or newer"
# Answers lines of [code, given] by JSON, where ``code`` is the body of an async function of ``given``, of the modules' names and
# of ``kept``, an object that stays.
ENGINE = """
import { createInterface } from "node:readline";
const modules = await Promise.all(process.argv.slice(1).map((path) => import(path)));
const names = Object.assign({ kept: {} }, ...modules);
const plain = (_, value) => (ArrayBuffer.isView(value) ? Array.from(value) : value);
const AsyncFunction = (async () => {}).constructor;
for await (const line of createInterface({ input: process.stdin })) {
  const [code, given] = JSON.parse(line);
  try {
    const value = await new AsyncFunction("given", ...Object.keys(names), code)(given, ...Object.values(names));
    console.log(JSON.stringify({ value: value ?? null }, plain));
  } catch (error) {
    console.log(JSON.stringify({ error: error.stack }));
  }
}
"""


@contextmanager
def javascript(*modules):
    """A function that runs JavaScript with what these modules of the explorer export, and an argument ``given``.

    Arrays go there and come back as lists of numbers.
    """
    paths = [(FOLDER / f"{name}.js").as_uri() for name in modules]
    command = [NODE, "--input-type=module", "--eval", ENGINE, *paths]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8") as node:

        def run(code, given=None):
            node.stdin.write(json.dumps([code, given], default=np.ndarray.tolist) + "\n")
            node.stdin.flush()
            answer = json.loads(node.stdout.readline())
            assert "error" not in answer, answer["error"]
            return answer["value"]

        yield run
        node.stdin.close()
