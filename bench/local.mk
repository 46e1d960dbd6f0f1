# Load generators (the quickstart and the tests use them, too) and `make bench`.
noinst_PROGRAMS += bench/genlog
bench_genlog_SOURCES = bench/genlog.c
bench_genlog_LDADD = protocol/libprotocol.a
if HAVE_RDKAFKA
noinst_PROGRAMS += bench/kafka_load
bench_kafka_load_SOURCES = bench/kafka_load.c
bench_kafka_load_CPPFLAGS = $(AM_CPPFLAGS) $(RDKAFKA_CFLAGS)
bench_kafka_load_LDADD = $(RDKAFKA_LIBS)
endif
EXTRA_DIST += bench/run.py bench/cluster_bench.py bench/nginx-null.conf bench/README.md

bench: all
	LOGBOOM_BUILD=$(abs_top_builddir) PYTHONDONTWRITEBYTECODE=1 python3 $(top_srcdir)/bench/run.py $(BENCH_ARGS)
.PHONY: bench
noinst_PROGRAMS += bench/bench_storage
bench_bench_storage_SOURCES = bench/bench_storage.c
bench_bench_storage_LDADD = broker/libbroker.a $(PROTOCOL_LIBS)
