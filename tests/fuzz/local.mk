# Fuzz targets. With --enable-fuzz and clang they are libFuzzer binaries: make fuzz FUZZ=request TIME=60
# Otherwise fuzz_main.c replays tests/fuzz/corpus/NAME in `make check`.
# A new target: its name in FUZZ_TARGETS, its _SOURCES, a folder of seeds.
FUZZ_TARGETS = \
  tests/fuzz/fuzz_bulk_response \
  tests/fuzz/fuzz_json \
  tests/fuzz/fuzz_yaml \
  tests/fuzz/fuzz_request \
  tests/fuzz/fuzz_response \
  tests/fuzz/fuzz_record_batch \
  tests/fuzz/fuzz_segment_recovery
FUZZ_MESSAGE = tests/fuzz/fuzz_message.c tests/fuzz/fuzz_message.h \
  tests/protocol/message_gen.c tests/protocol/message_gen.h
if FUZZ
FUZZ_MAIN = tests/fuzz/fuzz.h
else
FUZZ_MAIN = tests/fuzz/fuzz.h tests/fuzz/fuzz_main.c tests/support/files.c tests/support/files.h
TESTS += $(FUZZ_TARGETS)
endif
check_PROGRAMS += $(FUZZ_TARGETS)
EXTRA_DIST += tests/fuzz/corpus tests/fuzz/README.md

tests_fuzz_fuzz_request_SOURCES = tests/fuzz/fuzz_request.c $(FUZZ_MESSAGE) $(FUZZ_MAIN)
tests_fuzz_fuzz_request_LDADD = $(PROTOCOL_LIBS)
tests_fuzz_fuzz_request_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_response_SOURCES = tests/fuzz/fuzz_response.c $(FUZZ_MESSAGE) $(FUZZ_MAIN)
tests_fuzz_fuzz_response_LDADD = $(PROTOCOL_LIBS)
tests_fuzz_fuzz_response_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_record_batch_SOURCES = tests/fuzz/fuzz_record_batch.c $(FUZZ_MAIN)
tests_fuzz_fuzz_record_batch_LDADD = $(PROTOCOL_LIBS)
tests_fuzz_fuzz_record_batch_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_segment_recovery_SOURCES = tests/fuzz/fuzz_segment_recovery.c \
  tests/support/scratch_dir.h $(FUZZ_MAIN)
tests_fuzz_fuzz_segment_recovery_LDADD = broker/libbroker.a $(PROTOCOL_LIBS)
tests_fuzz_fuzz_segment_recovery_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)

tests_fuzz_fuzz_json_SOURCES = tests/fuzz/fuzz_json.c $(FUZZ_MAIN)
tests_fuzz_fuzz_json_LDADD = $(PROTOCOL_LIBS)
tests_fuzz_fuzz_json_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_yaml_SOURCES = tests/fuzz/fuzz_yaml.c $(FUZZ_MAIN)
tests_fuzz_fuzz_yaml_LDADD = $(PROTOCOL_LIBS)
tests_fuzz_fuzz_yaml_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)

# What the fuzzer learns is kept in the build directory; findings are written there as crash-*.
FUZZ = request
TIME = 60
fuzz: tests/fuzz/fuzz_$(FUZZ)$(EXEEXT)
	$(MKDIR_P) fuzz-corpus/$(FUZZ)
	tests/fuzz/fuzz_$(FUZZ)$(EXEEXT) -max_total_time=$(TIME) -max_len=16384 -rss_limit_mb=2048 \
	  -timeout=10 fuzz-corpus/$(FUZZ) $(srcdir)/tests/fuzz/corpus/$(FUZZ)
.PHONY: fuzz

tests_fuzz_fuzz_bulk_response_SOURCES = tests/fuzz/fuzz_bulk_response.c $(FUZZ_MAIN)
tests_fuzz_fuzz_bulk_response_LDADD = connectors/libconnect.a $(PROTOCOL_LIBS)
tests_fuzz_fuzz_bulk_response_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
