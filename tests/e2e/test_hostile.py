# SPDX-License-Identifier: Apache-2.0
"""What a stranger sends: the broker answers by Kafka's error or closes, and stays small."""
import errno
import os
import socket
import struct
import time

import pytest

from support.process import run, wait_until


def connect(broker):
    return socket.create_connection(("127.0.0.1", broker.port), timeout=10)


def is_closed(s):
    s.settimeout(10)
    try:
        return s.recv(65536) == b""
    except ConnectionResetError:
        return True


def frame(key, version, body=b"", correlation=1):
    payload = struct.pack(">hhih", key, version, correlation, 4) + b"test" + body
    return struct.pack(">i", len(payload)) + payload


def still_serves(broker):
    run(["kcat", "-b", broker.bootstrap, "-P", "-t", "alive"], stdin=b"x\n")
    assert "x" in run(["kcat", "-b", broker.bootstrap, "-C", "-t", "alive", "-e", "-q"])


def test_random_bytes_close_the_connection_and_nothing_else(broker, rng):
    for _ in range(200):
        with connect(broker) as s:
            try:
                s.sendall(rng.randbytes(rng.randrange(1, 4000)))
                s.shutdown(socket.SHUT_WR)
                s.settimeout(10)
                while s.recv(65536):  # an answer may come first; then the end, and no time-out
                    pass
            except (ConnectionResetError, BrokenPipeError):
                pass
            except OSError as e:  # reset between send and shutdown
                assert e.errno == errno.ENOTCONN, e
    still_serves(broker)


@pytest.mark.parametrize("size", [0x7fffffff, 0x70000000, -1, -2147483648, 0, 3])
def test_frames_that_announce_an_impossible_size_are_refused_before_memory_is_taken(broker, size):
    before = broker.rss_bytes()
    with connect(broker) as s:
        s.sendall(struct.pack(">i", size) + b"\0" * 16)
        assert is_closed(s)
    assert broker.rss_bytes() < before + (4 << 20)
    still_serves(broker)


def test_truncated_frames_wait_and_are_dropped_with_their_connection(broker):
    whole = frame(3, 1, struct.pack(">i", -1))
    for cut in range(1, len(whole)):
        with connect(broker) as s:
            s.sendall(whole[:cut])
    still_serves(broker)


def test_huge_counts_in_small_frames_close_the_connection(broker):
    before = broker.rss_bytes()
    for key, version in ((3, 1), (0, 3), (1, 4), (2, 1), (19, 2), (8, 2), (9, 1), (11, 0)):
        with connect(broker) as s:
            s.sendall(frame(key, version, b"\x7f\xff\xff\xff" * 8))
            s.settimeout(10)
            try:
                s.recv(65536)
            except (ConnectionResetError, TimeoutError):
                pass
    assert broker.rss_bytes() < before + (8 << 20)
    still_serves(broker)


def test_an_unknown_api_version_closes_but_api_versions_answers_35(broker):
    with connect(broker) as s:
        s.sendall(frame(18, 99, b"\0"))  # the header of a flexible version ends in its tags
        answer = s.recv(4096)
        size, correlation, error, count = struct.unpack(">iihi", answer[:14])
        assert (correlation, error) == (1, 35) and count >= 1
    with connect(broker) as s:
        s.sendall(frame(0, 99))
        assert is_closed(s)
    with connect(broker) as s:
        s.sendall(frame(999, 0))
        assert is_closed(s)


def produce_v3(topic, batch):
    topic = topic.encode()
    return frame(0, 3, struct.pack(">hhii", -1, -1, 5000, 1) + struct.pack(">h", len(topic)) + topic
                 + struct.pack(">iii", 1, 0, len(batch)) + batch)


def test_a_wrong_checksum_gets_corrupt_message(broker):
    run(["kcat", "-b", broker.bootstrap, "-P", "-t", "crc"], stdin=b"one\n")
    header = struct.pack(">qiibIhiqqqhii", 0, 49 + 9, -1, 2, 0xdeadbeef, 0, 0, 0, 0, -1, -1, -1, 1)
    with connect(broker) as s:
        s.sendall(produce_v3("crc", header + b"\x10\0\0\0\1\4abx\0"[:9]))
        answer = s.recv(4096)
        assert struct.unpack(">h", answer[4 + 4 + 4 + 2 + 3 + 4 + 4:][:2])[0] == 2
    assert run(["kcat", "-b", broker.bootstrap, "-C", "-t", "crc", "-e", "-q"]) == "one\n"


def test_many_half_open_connections_leave_room_for_others(broker):
    before = broker.rss_bytes()
    idle = [connect(broker) for _ in range(500)]
    for s in idle[:250]:
        s.sendall(struct.pack(">i", 1000) + b"half")
    still_serves(broker)
    assert broker.rss_bytes() < before + (16 << 20)
    for s in idle:
        s.close()
    wait_until(lambda: len(os.listdir(f"/proc/{broker.child.pid}/fd")) < 150, 10,
               "descriptors are given back")


def test_a_reader_that_never_reads_does_not_grow_the_broker(broker):
    run(["kcat", "-b", broker.bootstrap, "-P", "-t", "big"],
        stdin=b"".join(b"%d" % i * 200 + b"\n" for i in range(20000)))
    before = broker.rss_bytes()
    with connect(broker) as s:
        body = struct.pack(">iiiib", -1, 100, 1, 50 << 20, 0) + struct.pack(">ih", 1, 3) + b"big" \
            + struct.pack(">iiqi", 1, 0, 0, 50 << 20)
        try:
            s.settimeout(2)
            for i in range(2000):
                s.sendall(frame(1, 4, body, i))
        except TimeoutError:
            pass
        time.sleep(0.5)
        assert broker.rss_bytes() < before + (32 << 20)
    still_serves(broker)
