# SPDX-License-Identifier: Apache-2.0
"""Every command of `logboom` against a running broker: what it prints, and its exit codes."""
import json
import os
import subprocess
import time

import pytest

from support.process import BUILD, free_port, run, wait_until


def logboom(*args, stdin=None, seconds=30, env=None):
    return subprocess.run([str(BUILD / "logboom"), *map(str, args)], input=stdin, timeout=seconds,
                          capture_output=True, text=True, env=dict(os.environ, **(env or {})))


@pytest.fixture
def cli(broker):
    """Runs a command that must succeed; returns its output, or with --json its objects."""
    def call(*args, stdin=None):
        p = logboom("-b", broker.bootstrap, *args, stdin=stdin)
        assert p.returncode == 0, p.stderr
        if "--json" in args:
            return [json.loads(line) for line in p.stdout.splitlines()]
        return p.stdout

    call.broker = broker
    return call


def numbers(count, first=0):
    return "".join(f"line {i}\n" for i in range(first, first + count))


def test_topics_are_created_listed_described_and_deleted(cli):
    assert cli("topic", "create", "made", "--partitions", "3", "--config",
               "retention.ms=100000") == "created made\n"
    assert cli("topic", "create", "other", "--json")[0]["partitions"] == 1
    listed = {t["topic"]: t for t in cli("topic", "list", "--json")}
    assert listed["made"]["partitions"] == 3 and listed["made"]["replicas"] == 1
    assert "made" in cli("topic", "list") and "other" in cli("topic", "list")
    made = cli("topic", "describe", "made", "--json")[0]
    assert made["configs"]["retention.ms"] == "100000"
    assert [p["partition"] for p in made["partitions"]] == [0, 1, 2]
    assert made["partitions"][0]["replicas"] == made["partitions"][0]["isr"] == [1]
    assert "retention.ms=100000" in cli("topic", "describe", "made")
    assert cli("topic", "delete", "made") == "deleted made\n"
    assert [t["topic"] for t in cli("topic", "list", "--json") if not t["internal"]] == ["other"]


def test_what_cannot_be_done_is_told_with_kafkas_name_and_exit_69(cli):
    cli("topic", "create", "twice")
    for args, name in ((("topic", "create", "twice"), "TOPIC_ALREADY_EXISTS"),
                       (("topic", "create", "with space"), "INVALID_TOPIC_EXCEPTION"),
                       (("topic", "create", "x", "--config", "retention.ms=x"), "INVALID_CONFIG"),
                       (("topic", "delete", "absent"), "UNKNOWN_TOPIC_OR_PARTITION"),
                       (("group", "describe", "absent"), "absent")):
        p = logboom("-b", cli.broker.bootstrap, *args)
        assert p.returncode == 69 and name in p.stderr and not p.stdout, (args, p)


def test_lines_that_are_produced_are_consumed_in_order(cli):
    cli("produce", "lines", stdin=numbers(5000))
    assert cli("consume", "lines") == numbers(5000)
    assert cli("consume", "lines", "--from-beginning", "-n", "3") == numbers(3)
    assert cli("consume", "lines", "--offset", "4990") == numbers(10, 4990)
    assert cli("consume", "lines", "-o", "-5") == numbers(5, 4995)
    assert cli("consume", "lines", "-o-5") == numbers(5, 4995)
    assert cli("consume", "lines", "--offset=-5", "--partition", "0") == numbers(5, 4995)
    assert run(["kcat", "-b", cli.broker.bootstrap, "-C", "-t", "lines", "-e", "-q"]) == \
        numbers(5000)


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_every_codec_is_read_by_kcat(cli, codec):
    cli("produce", "packed", "-z", codec, "--acks", "all", stdin=numbers(2000))
    assert run(["kcat", "-b", cli.broker.bootstrap, "-C", "-t", "packed", "-e", "-q"]) == \
        numbers(2000)


def test_keys_partitions_and_json(cli):
    cli("topic", "create", "keyed", "--partitions", "2")
    cli("produce", "keyed", "--partition", "1", "--key-separator", "=", stdin="a=1\nb=2\n")
    assert cli("consume", "keyed", "--keys") == "a\t1\nb\t2\n"
    assert cli("consume", "keyed", "--partition", "0") == ""
    got = cli("consume", "keyed", "--json")
    assert [(r["topic"], r["partition"], r["offset"], r["key"], r["value"]) for r in got] == \
        [("keyed", 1, 0, "a", "1"), ("keyed", 1, 1, "b", "2")]
    assert abs(got[0]["timestamp"] / 1000 - time.time()) < 60


def test_consuming_starts_at_a_time(cli):
    cli("produce", "timed", stdin="early\n")
    time.sleep(3)
    between = int(time.time() * 1000)
    cli("produce", "timed", stdin="late\n")
    assert cli("consume", "timed", "--timestamp", between) == "late\n"
    ago = int(time.time() * 1000) - between + 2500  # until the command looks at the clock
    assert cli("consume", "timed", "--timestamp", f"-{ago}ms") == "late\n"
    assert cli("consume", "timed", "--timestamp", "-15m") == "early\nlate\n"


def test_following_prints_what_comes_later(cli, tmp_path):
    cli("produce", "live", stdin="one\n")
    with open(tmp_path / "out", "w") as out:
        argv = [str(BUILD / "logboom"), "-b", cli.broker.bootstrap, "consume", "live", "-f", "-n",
                "2"]
        follower = subprocess.Popen(argv, stdout=out)
        try:
            time.sleep(0.5)
            assert follower.poll() is None
            cli("produce", "live", stdin="two\n")
            assert follower.wait(20) == 0
        finally:
            follower.kill()
    assert (tmp_path / "out").read_text() == "one\ntwo\n"


def test_a_group_goes_on_where_it_stopped_and_its_lag_is_told(cli):
    cli("produce", "shared", stdin=numbers(100))
    assert cli("consume", "shared", "--group", "readers", "-n", "60") == numbers(60)
    row = cli("group", "describe", "readers", "--json")[0]
    assert (row["topic"], row["partition"], row["end_offset"]) == ("shared", 0, 100)
    assert (row["committed_offset"], row["lag"]) == (60, 40)
    assert cli("consume", "shared", "--group", "readers") == numbers(40, 60)
    assert cli("group", "describe", "readers", "--json")[0]["lag"] == 0
    text = cli("group", "describe", "readers")
    assert "group readers" in text and "LAG" in text and "shared" in text
    assert [g["group"] for g in cli("group", "list", "--json")] == ["readers"]
    assert "readers" in cli("group", "list")


def test_segments_and_indexes_are_dumped_without_a_broker(cli):
    cli("topic", "create", "dumped", "--config", "index.interval.bytes=1000")
    for i in range(5):
        cli("produce", "dumped", "-z", "lz4", stdin=numbers(1000, i * 1000))
    folder = cli.broker.data / "dumped-0"
    cli.broker.stop()
    log = folder / "00000000000000000000.log"
    text = logboom("log", "dump", log)
    assert text.returncode == 0, text.stderr
    assert "5000 records in" in text.stdout and "all valid" in text.stdout
    assert "line 4999" in text.stdout and "codec lz4" in text.stdout
    batches = [json.loads(line) for line in logboom("log", "dump", "--json", log).stdout.split("\n")
               if line]
    assert sum(b["records"] for b in batches) == 5000 and batches[-1]["last_offset"] == 4999
    for suffix, member in ((".index", "position"), (".timeindex", "timestamp")):
        p = logboom("log", "dump", "--json", log.with_suffix(suffix))
        entries = [json.loads(line) for line in p.stdout.splitlines()]
        assert p.returncode == 0 and entries, (suffix, p)
        assert [e[member] for e in entries] == sorted(e[member] for e in entries)
        assert logboom("log", "dump", log.with_suffix(suffix)).stdout.count("\n") == len(entries)


def test_a_damaged_batch_is_told_with_its_place(cli):
    cli("produce", "bad", stdin=numbers(10))
    first = cli("log", "dump", cli.broker.data / "bad-0/00000000000000000000.log", "--json")[0]
    cli("produce", "bad", stdin=numbers(10))
    cli.broker.stop()
    log = cli.broker.data / "bad-0/00000000000000000000.log"
    data = bytearray(log.read_bytes())
    data[first["size_bytes"] + 70] ^= 1
    log.write_bytes(data)
    p = logboom("log", "dump", log)
    assert p.returncode == 69 and f"byte {first['size_bytes']}" in p.stderr, p
    assert "line 9" in p.stdout


WRONG = [
    (["consume", "t", "--ofset", "1"], "--offset"),
    (["topic", "creat", "t"], "topic create"),
    (["consume", "t", "--offset", "first"], "whole number"),
    (["consume", "t", "--offset"], "--offset needs"),
    (["topic", "list", "--follow"], "takes no --follow"),
    (["topic", "create"], "usage: logboom topic create"),
    (["consume", "t", "--timestamp", "yesterday"], "--timestamp"),
    (["consume", "t", "-n", "0"], "--max-messages"),
    (["produce", "t", "--acks", "some"], "--acks"),
    (["produce", "t", "-z", "brotli"], "brotli"),
]


@pytest.mark.parametrize("args,hint", WRONG, ids=[" ".join(a) for a, _ in WRONG])
def test_a_wrong_command_line_is_refused_with_the_nearest_name(args, hint):
    p = logboom("-b", "127.0.0.1:1", "--timeout", "2", *args, stdin="x\n")
    assert p.returncode == 64 and hint in p.stderr and not p.stdout, p


def test_help_and_version():
    p = logboom("--help")
    assert p.returncode == 0 and "topic create" in p.stdout
    p = logboom("consume", "--help")
    assert p.returncode == 0 and "--timestamp" in p.stdout and "--acks" not in p.stdout
    assert logboom("--version").stdout.startswith("logboom ")
    assert logboom().returncode == 64


def test_without_a_broker_the_address_is_told_with_exit_69():
    address = f"127.0.0.1:{free_port()}"
    for args in (["topic", "list"], ["consume", "t"], ["produce", "t"], ["group", "list"]):
        p = logboom("-b", address, "--timeout", "1", *args, stdin="x\n")
        assert p.returncode == 69 and address in p.stderr, (args, p)


def test_the_environment_names_the_broker(broker):
    wait_until(broker.alive, 5, "the broker runs")
    p = logboom("topic", "list", env={"LOGBOOM_BOOTSTRAP": broker.bootstrap})
    assert p.returncode == 0, p.stderr
