# SPDX-License-Identifier: Apache-2.0
"""When could each partition be written to? Asked without any client library, which would wait for
connections that are half dead: that part of an outage is the client's, this one is the cluster's.

    probe.py TOPIC PARTITIONS HOST:PORT...

For each node and partition: a record with acks=all, again and again, each within ATTEMPT_S or over
a new connection. A partition is available when any node acknowledges. Says "ready" when all are.
Until SIGTERM; then one object of JSON: the spans without an acknowledgement ("windows"), of MIN_MS
and longer.
"""
import asyncio
import json
import signal
import struct
import sys
import time

ATTEMPT_S = 0.3
PAUSE_S = 0.05
MIN_MS = 300
PRODUCE, VERSION = 0, 7
TABLE = []
for byte in range(256):
    for _ in range(8):
        byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
    TABLE.append(byte)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def batch():
    """One record, the value "probe"."""
    body = bytes([0, 0, 0, 1, 10]) + b"probe" + bytes([0])
    record = bytes([len(body) * 2]) + body
    now = int(time.time() * 1000)
    tail = struct.pack(">hiqqqhii", 0, 0, now, now, -1, -1, -1, 1) + record
    return struct.pack(">qiibI", 0, 9 + len(tail), -1, 2, crc32c(tail)) + tail


def text(s):
    return struct.pack(">h", len(s)) + s.encode()


def request(topic, partition):
    records = batch()
    body = (struct.pack(">hhi", PRODUCE, VERSION, 1) + text("probe")
            + struct.pack(">hhii", -1, -1, int(ATTEMPT_S * 1000), 1) + text(topic)
            + struct.pack(">iii", 1, partition, len(records)) + records)
    return struct.pack(">i", len(body)) + body


class Probe:
    def __init__(self, topic, partitions):
        self.topic = topic
        self.last = [None] * partitions
        self.windows = []

    def acknowledged(self, partition):
        last, self.last[partition] = self.last[partition], time.monotonic()
        if last is None and None not in self.last:
            print("ready", flush=True)
        self.note(partition, last)

    def note(self, partition, last):
        """How long it has taken since the acknowledgement before; also of what waits at the end."""
        now = time.monotonic()
        if last is not None and (now - last) * 1000 >= MIN_MS:
            self.windows.append({"partition": partition, "from": round(last, 3),
                                 "ms": round((now - last) * 1000, 1)})

    async def attempt(self, stream, partition):
        reader, writer = stream
        writer.write(request(self.topic, partition))
        size, = struct.unpack(">i", await reader.readexactly(4))
        answer = await reader.readexactly(size)
        at = 4 + 4 + 2 + len(self.topic) + 4 + 4  # correlation, topics, name, partitions, index
        if struct.unpack_from(">h", answer, at)[0] == 0:
            self.acknowledged(partition)

    async def ask(self, host, port, partition):
        """One node about one partition, for ever."""
        stream = None
        while True:
            try:
                if stream is None:
                    stream = await asyncio.wait_for(asyncio.open_connection(host, port), ATTEMPT_S)
                await asyncio.wait_for(self.attempt(stream, partition), ATTEMPT_S)
            except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError):
                if stream is not None:
                    stream[1].transport.abort()
                stream = None
            await asyncio.sleep(PAUSE_S)


async def main(topic, partitions, *addresses):
    probe = Probe(topic, int(partitions))
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    tasks = []
    for address in addresses:
        host, port = address.rsplit(":", 1)
        tasks += [asyncio.create_task(probe.ask(host, int(port), p))
                  for p in range(int(partitions))]
    await ended.wait()
    for p, last in enumerate(probe.last):
        probe.note(p, last)
    for task in tasks:
        task.cancel()
    print(json.dumps({"windows": probe.windows}), flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
