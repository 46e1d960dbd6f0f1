# SPDX-License-Identifier: Apache-2.0
"""Who wrote a record: the headers of the batches in a partition's files (format 2, Kafka's docs).

A broker knows a batch again by its producer id, epoch and sequence numbers (KIP-98). librdkafka
2.0.2 raises its epoch for all partitions when a batch of one of them is refused as out of order
behind one that failed, as happens when a leader is asked a moment before it knows that it is one.
What is unanswered it then sends under the new epoch, even where the connection broke and nobody
knows whether it was written. If it was, it is there twice, at any broker.
"""
import struct

HEADER = struct.Struct(">qiibIhiqqqhii")


def producers(folder):
    """(first offset, last offset, producer id, producer epoch) of each batch, in their order."""
    for path in sorted(folder.glob("*.log")):
        data, at = path.read_bytes(), 0
        while at + HEADER.size <= len(data):
            head = HEADER.unpack_from(data, at)
            yield head[0], head[0] + head[6], head[9], head[10]
            at += 12 + head[1]


def sent_anew(folder, first, again):
    """Whether the records at these two offsets are of one producer that had raised its epoch."""
    ids = {offset: (pid, epoch) for low, high, pid, epoch in producers(folder)
           for offset in (first, again) if low <= offset <= high}
    (pid_a, epoch_a), (pid_b, epoch_b) = ids[first], ids[again]
    return pid_a == pid_b >= 0 and epoch_a < epoch_b
