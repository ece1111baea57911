#!/usr/bin/env python3
"""Checks every dependency's licence and source against deny.toml, for machines without cargo-deny."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def allowed(expression: str, licences: set[str]) -> bool:
    """Whether an SPDX expression can be satisfied: every AND part has an OR part that is allowed."""
    text = expression.replace("/", " OR ")
    tokens = re.findall(r"\(|\)|[^\s()]+", text)
    python = []
    skip = False
    for token in tokens:
        if skip:
            skip = False
        elif token == "WITH":
            skip = True
        elif token in "()":
            python.append(token)
        elif token in ("AND", "OR"):
            python.append(token.lower())
        else:
            python.append(str(token in licences))
    # Only the words and, or, True, False and parentheses are left.
    return bool(eval(" ".join(python), {"__builtins__": {}}))


def main() -> int:
    policy = tomllib.loads((ROOT / "deny.toml").read_text())
    licences = set(policy["licenses"]["allow"])
    command = ["cargo", "metadata", "--format-version", "1", "--locked"]
    metadata = json.loads(subprocess.check_output(command, cwd=ROOT))
    faults = []
    for package in metadata["packages"]:
        name = f"{package['name']} {package['version']}"
        if not allowed(package["license"] or "none", licences):
            faults.append(f"{name}: licence {package['license']} is not in deny.toml")
        source = package["source"]
        if source is not None and not source.startswith("registry+"):
            faults.append(f"{name}: comes from {source}, not from the registry")
    for fault in faults:
        print(fault, file=sys.stderr)
    print(f"licences and sources of {len(metadata['packages'])} packages checked, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
