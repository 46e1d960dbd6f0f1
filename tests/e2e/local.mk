# End to end: real programs, real files, real kills. `make check` runs what needs no server of others,
# `make check-peers` everything against the real Apache Kafka and OpenSearch.
TESTS += tests/e2e/run.sh
EXTRA_DIST += tests/e2e/run.sh tests/e2e/conftest.py tests/e2e/peers tests/e2e/support \
  tests/e2e/filebeat.yml \
  tests/e2e/test_agent.py \
  tests/e2e/test_agent_faults.py \
  tests/e2e/test_cli.py \
  tests/e2e/test_client_faults.py \
  tests/e2e/test_cluster.py \
  tests/e2e/test_cluster_disks.py \
  tests/e2e/test_cluster_elr.py \
  tests/e2e/test_cluster_growth.py \
  tests/e2e/test_cluster_faults.py \
  tests/e2e/test_cluster_judge.py \
  tests/e2e/test_cluster_pipeline.py \
  tests/e2e/test_cluster_silent.py \
  tests/e2e/test_cluster_scale.py \
  tests/e2e/test_cluster_replicas.py \
  tests/e2e/test_cluster_tools.py \
  tests/e2e/test_config.py \
  tests/e2e/test_connect_group.py \
  tests/e2e/test_hostile.py \
  tests/e2e/test_http_sink.py \
  tests/e2e/test_kafka_tools.py \
  tests/e2e/test_pipeline.py \
  tests/e2e/test_quorum_change.py \
  tests/e2e/test_quorum_files.py \
  tests/e2e/test_search_sink.py

check-peers: all
	srcdir=$(srcdir) $(srcdir)/tests/e2e/run.sh peers $(PYTEST_ARGS)
check-cluster: all
	srcdir=$(srcdir) $(srcdir)/tests/e2e/run.sh cluster $(PYTEST_ARGS)
.PHONY: check-peers check-cluster

include tests/e2e/drivers/local.mk
include tests/e2e/faults/local.mk
