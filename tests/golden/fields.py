#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Print the facts of Kafka's message definitions as one table, for tests/protocol/check_fields.c.

    fields.py FOLDER... >kafka_fields.tsv

A FOLDER holds the JSON definitions, as found under common/ in the kafka-clients and kafka-metadata
jars. Rows: M name key min max flexible, then its fields in order, nested ones behind their parent:
F depth name shape kind since until nullable tag default. 32767 means "and above" or "never".
"""
import json
import pathlib
import sys

MAX = 32767
KINDS = {"bool": 0, "int8": 1, "int16": 2, "uint16": 3, "int32": 4, "uint32": 5, "int64": 6,
         "float64": 7, "uuid": 8, "string": 9, "bytes": 11, "records": 12}
CLASSIC_STRING = 10
SCALAR, VECTOR, STRUCT, OPTIONAL, ARRAY = range(5)


def load(path):
    lines = path.read_text().splitlines()
    return json.loads("\n".join(line for line in lines if not line.lstrip().startswith("//")))


def versions(text):
    """"3-7", "3+", "3", or none -> (first, last) or None."""
    if text in (None, "none"):
        return None
    first, _, last = text.partition("-")
    if text.endswith("+"):
        return int(text[:-1]), MAX
    return int(first), int(last or first)


def default(field, array):
    text = str(field.get("default", "")).lower()
    if text in ("", "false"):
        return 0
    if text in ("null", "true"):
        return (-1 if array else 0) if text == "null" else 1
    try:
        return int(text, 0)
    except ValueError:
        return 0  # the default of a string: tables have none but null and empty


def print_fields(fields, structs, depth):
    for field in fields:
        used = versions(field.get("versions"))
        if used is None:
            continue
        array = field["type"].startswith("[]")
        base = field["type"].removeprefix("[]")
        nullable = versions(field.get("nullableVersions"))
        kind = KINDS.get(base)
        if kind is None:
            shape = ARRAY if array else OPTIONAL if nullable else STRUCT
        else:
            shape = VECTOR if array else SCALAR
        if kind == KINDS["string"] and field.get("flexibleVersions") == "none":
            kind = CLASSIC_STRING
        print("F", depth, field["name"].lower(), shape, 0 if kind is None else kind, *used,
              nullable[0] if nullable else MAX, field.get("tag", -1), default(field, array),
              sep="\t")
        if kind is None:
            print_fields(field.get("fields") or structs[base], structs, depth + 1)


def main():
    messages = [load(path) for folder in sys.argv[1:]
                for path in pathlib.Path(folder).glob("**/*.json")]
    for message in sorted(messages, key=lambda m: m["name"]):
        valid = versions(message["validVersions"])
        if valid is None:
            continue
        flexible = versions(message.get("flexibleVersions"))
        print("M", message["name"], message.get("apiKey", -1), *valid,
              flexible[0] if flexible else MAX, sep="\t")
        structs = {s["name"]: s["fields"] for s in message.get("commonStructs", [])}
        print_fields(message["fields"], structs, 0)


if __name__ == "__main__":
    main()
