# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the end-to-end tests: every process under test ends with its test."""
import os
import random

import pytest

from support import peers, process


def pytest_configure(config):
    config.addinivalue_line("markers",
                            "peers: needs the real Apache Kafka or OpenSearch (make check-peers)")
    config.addinivalue_line("markers", "cluster: three nodes and more")
    config.addinivalue_line("markers", "early: among the longest, begins first")
    config.addinivalue_line("markers", "xdist_group: tests that one worker runs")
    config.addinivalue_line("markers",
                            "long: takes minutes; LOGBOOM_SECONDS tunes it (make check-cluster)")


SHARED = ["shared", "small", "kafka", "opensearch"]  # fixtures that take long to start


@pytest.hookimpl(tryfirst=True)  # before xdist looks for the groups
def pytest_collection_modifyitems(items):
    """What shares a server runs on one worker, and begins first; then what takes long; all else one
    by one."""
    def shared(item):
        return next((i for i, name in enumerate(SHARED) if name in item.fixturenames), len(SHARED))

    for item in items:
        if shared(item) < len(SHARED):
            item.add_marker(pytest.mark.xdist_group(SHARED[shared(item)]))
    items.sort(key=lambda item: (shared(item), item.get_closest_marker("early") is None))


@pytest.fixture
def started():
    """Registers processes; kills whatever still runs when the test ends."""
    running = []

    def register(p):
        running.append(p)
        return p

    yield register
    for p in reversed(running):
        if p.alive():
            p.kill()


@pytest.fixture
def broker(tmp_path, started):
    return started(process.Broker(tmp_path)).start()


@pytest.fixture(scope="session")
def kafka(tmp_path_factory):
    k = peers.Kafka(tmp_path_factory.mktemp("kafka")).start()
    yield k
    k.kill()


@pytest.fixture(scope="session")
def opensearch(tmp_path_factory):
    o = peers.OpenSearch(tmp_path_factory.mktemp("opensearch"), heap="1g").start()
    yield o
    o.kill()


@pytest.fixture
def rng():
    """Seeded; the seed is printed, so that a failure can be run again with LOGBOOM_SEED."""
    seed = int(os.environ.get("LOGBOOM_SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"LOGBOOM_SEED={seed}")
    return random.Random(seed)
