# A whole cluster in one process, deterministic by seed: make sim SEEDS=2000 [SEED=first] [JOBS=2],
# make sim SEEDS=1 SEED=17 TRACE=1. `make check` runs the seeds of seeds.txt and a few more.
check_PROGRAMS += tests/sim/sim
tests_sim_sim_SOURCES = \
  %D%/sim_admin.c %D%/sim_changes.c %D%/sim_changes.h %D%/sim_cluster.c %D%/sim_cluster.h %D%/sim_consumer.c %D%/sim_disk.c \
  %D%/sim_disk.h %D%/sim_faults.c %D%/sim_inspect.c %D%/sim_ledger.c %D%/sim_ledger.h %D%/sim_lives.c \
  %D%/sim_main.c %D%/sim_net.c %D%/sim_net.h %D%/sim_node.c %D%/sim_node.h %D%/sim_options.c \
  %D%/sim_producer.c %D%/sim_quorum.c %D%/sim_quorum.h %D%/sim_rot.c %D%/sim_topics.c %D%/sim_topics.h %D%/sim_workload.c %D%/sim_workload.h %D%/sim_world.c %D%/sim_world.h
tests_sim_sim_LDADD = broker/libbroker.a $(PROTOCOL_LIBS)
EXTRA_DIST += tests/sim/README.md tests/sim/seeds.txt tests/sim/smoke \
  tests/sim/run-mutants tests/sim/mutants
TESTS += tests/sim/smoke

SEED = 1
SEEDS = 200
JOBS = 2
NODES = 0
TRACE =
sim: tests/sim/sim$(EXEEXT)
	trace="$(TRACE)"; tests/sim/sim$(EXEEXT) --seed $(SEED) --seeds $(SEEDS) --jobs $(JOBS) --nodes $(NODES) \
	  $${trace:+--trace}
.PHONY: sim
