# bench: sources and programs.
noinst_PROGRAMS += bench/bench_storage
bench_bench_storage_SOURCES = bench/bench_storage.c
bench_bench_storage_LDADD = broker/libbroker.a $(PROTOCOL_LIBS)
