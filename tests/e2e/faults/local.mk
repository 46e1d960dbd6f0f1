# What makes the world of an end-to-end test bad: a network, a power cut.
noinst_PROGRAMS += tests/e2e/faults/bad_network
tests_e2e_faults_bad_network_SOURCES = %D%/bad_network.c

# A library for LD_PRELOAD; it cannot live together with the sanitizers' own interposers.
tests/e2e/faults/powercut.so: $(srcdir)/%D%/powercut.c
	@$(MKDIR_P) tests/e2e/faults
	$(AM_V_CC)$(CC) -std=gnu11 -O2 -Wall -shared -fPIC -o $@ $(srcdir)/tests/e2e/faults/powercut.c -ldl -lpthread
noinst_DATA = tests/e2e/faults/powercut.so
CLEANFILES += tests/e2e/faults/powercut.so
EXTRA_DIST += %D%/powercut.c
