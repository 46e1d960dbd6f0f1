# SPDX-License-Identifier: Apache-2.0
"""Who wrote a record: the headers of the batches in a partition's files (format 2, Kafka's docs).

A broker knows a batch again by its producer id, epoch and sequence numbers (KIP-98). librdkafka
2.0.2 counts a refused batch as no longer in flight a moment before it puts it back into its queue
(rd_kafka_msgbatch_handle_Produce_result); the thread of a new leader sends the next one meanwhile.
That is out of order, and the library raises its epoch for all partitions. Then it sends what is
unanswered under the new epoch, even where a connection broke and nobody knows whether it was
written. If it was, it is there twice, at any broker.
"""
import re
import struct

HEADER = struct.Struct(">qiibIhiqqqhii")
REFUSED = re.compile(r"topic=(\S+) partition=(\d+) .*OUT_OF_ORDER.*"
                     r"\(producer (\d+) epoch (\d+) sequence (\d+), after")


def producers(folder):
    """(first offset, last offset, producer id, producer epoch, last sequence) of each batch, in
    their order. Sequences do not wrap in a test."""
    for path in sorted(folder.glob("*.log")):
        data, at = path.read_bytes(), 0
        while at + HEADER.size <= len(data):
            head = HEADER.unpack_from(data, at)
            yield head[0], head[0] + head[6], head[9], head[10], head[11] + head[6]
            at += 12 + head[1]


def sent_anew(folder, first, again):
    """Whether the records at these two offsets are of one producer that had raised its epoch."""
    ids = {offset: (pid, epoch) for low, high, pid, epoch, _ in producers(folder)
           for offset in (first, again) if low <= offset <= high}
    (pid_a, epoch_a), (pid_b, epoch_b) = ids[first], ids[again]
    return pid_a == pid_b >= 0 and epoch_a < epoch_b


def wrongly_refused(told, topic, folder_of):
    """Of the batches that a node's log says were refused as out of order: those that were not,
    since the batch before is in the log. `folder_of`: of a partition."""
    wrong = []
    for line in told.splitlines():
        found = REFUSED.search(line)
        if found and found[1] == topic:
            partition, producer, epoch, sequence = map(int, found.groups()[1:])
            if any(b[2:] == (producer, epoch, sequence - 1)
                   for b in producers(folder_of(partition))):
                wrong.append(line)
    return wrong
