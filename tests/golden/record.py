#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Record real Kafka frames between a client and a broker, for tests/protocol/check_golden.c.

    record.py --client NAME --listen PORT --upstream PORT [--out DIR] -- COMMAND...

Listens on PORT (which the broker must advertise as its own, so that clients come back here), passes
everything on to the upstream broker, and runs COMMAND meanwhile. Of every API and version seen it
keeps at most two requests and two responses, the first and the largest below a bound, as
DIR/NAME/<Api>_v<N>_{request,response}[_2].bin: a frame without its length, so header and body.
"""
import argparse
import asyncio
import pathlib
import struct
import sys

BYTES_MAX = 8 * 1024

API_NAMES = {
    0: "Produce", 1: "Fetch", 2: "ListOffsets", 3: "Metadata", 8: "OffsetCommit",
    9: "OffsetFetch", 10: "FindCoordinator", 11: "JoinGroup", 12: "Heartbeat", 13: "LeaveGroup",
    14: "SyncGroup", 15: "DescribeGroups", 16: "ListGroups", 18: "ApiVersions",
    19: "CreateTopics", 20: "DeleteTopics", 21: "DeleteRecords", 22: "InitProducerId",
    23: "OffsetForLeaderEpoch", 32: "DescribeConfigs", 33: "AlterConfigs",
    35: "DescribeLogDirs", 37: "CreatePartitions", 42: "DeleteGroups",
    44: "IncrementalAlterConfigs", 46: "ListPartitionReassignments", 47: "OffsetDelete",
    60: "DescribeCluster", 61: "DescribeProducers", 75: "DescribeTopicPartitions",
}


class Store:
    """Keeps the first and the largest frame of each name."""

    def __init__(self):
        self.frames = {}

    def add(self, key, version, kind, frame):
        if key not in API_NAMES or len(frame) > BYTES_MAX:
            return
        kept = self.frames.setdefault(f"{API_NAMES[key]}_v{version}_{kind}", [frame])
        if len(frame) > max(map(len, kept)):
            kept[1:] = [frame]

    def write(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name, kept in self.frames.items():
            for i, frame in enumerate(kept):
                suffix = f"_{i + 1}" if i else ""
                (folder / f"{name}{suffix}.bin").write_bytes(frame)


async def read_frame(reader):
    """One frame without its length, or None at the end of the stream."""
    try:
        (size,) = struct.unpack(">i", await reader.readexactly(4))
        return await reader.readexactly(size)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


async def relay(source, sink, note):
    while (frame := await read_frame(source)) is not None:
        note(frame)
        sink.write(struct.pack(">i", len(frame)) + frame)
        try:
            await sink.drain()
        except ConnectionError:
            break
    sink.close()


async def serve(reader, writer, upstream, store):
    broker_reader, broker_writer = await asyncio.open_connection("127.0.0.1", upstream)
    pending = {}

    def note_request(frame):
        key, version, correlation_id = struct.unpack_from(">hhi", frame)
        pending[correlation_id] = (key, version)
        store.add(key, version, "request", frame)

    def note_response(frame):
        (correlation_id,) = struct.unpack_from(">i", frame)
        if correlation_id in pending:
            store.add(*pending.pop(correlation_id), "response", frame)

    await asyncio.gather(relay(reader, broker_writer, note_request),
                         relay(broker_reader, writer, note_response))


async def run(args):
    store = Store()
    server = await asyncio.start_server(
        lambda r, w: serve(r, w, args.upstream, store), "127.0.0.1", args.listen)
    process = await asyncio.create_subprocess_exec(*args.command)
    try:
        status = await asyncio.wait_for(process.wait(), args.timeout)
    except asyncio.TimeoutError:
        process.kill()
        status = await process.wait()
    server.close()
    store.write(args.out / args.client)
    return status


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--client", required=True)
    parser.add_argument("--listen", type=int, required=True)
    parser.add_argument("--upstream", type=int, required=True)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parent)
    parser.add_argument("--timeout", type=float, default=60, help="seconds for COMMAND")
    parser.add_argument("command", nargs="+")
    sys.exit(0 if asyncio.run(run(parser.parse_args())) == 0 else 1)


if __name__ == "__main__":
    main()
