# contrib: the lint, formatting, what CI and newcomers run, and the units for systemd.
EXTRA_DIST += contrib/README.md contrib/lib.sh contrib/packages contrib/quickstart contrib/run-tests \
  contrib/tally contrib/check_tally.sh \
  contrib/lint/README.md contrib/lint/lint.py contrib/lint/check_lint.sh
TESTS += contrib/lint/check_lint.sh contrib/check_tally.sh
check_SCRIPTS += contrib/lint/check_lint.sh contrib/check_tally.sh

lint:
	python3 $(srcdir)/contrib/lint/lint.py $(srcdir)
	@if test -x logboom-broker && test -x logboom-agent && test -x logboom-connect; then \
	  export srcdir=$(srcdir) GENERATED_DOCS='$(GENERATED_DOCS)'; \
	  sh $(srcdir)/docs/check_generated.sh && sh $(srcdir)/docs/check_reference.sh; \
	else echo 'lint: the programs are not built, generated documents were not compared' >&2; fi

# The tables (*.def, messages*.h, *_list.h) are laid out by hand.
format:
	cd $(srcdir) && git ls-files '*.c' '*.h' | grep -v '^protocol/wire/messages.*h$$\|_list\.h$$' | \
	  xargs clang-format -i
.PHONY: lint format

UNITS = contrib/systemd/logboom-broker.service contrib/systemd/logboom-agent.service \
  contrib/systemd/logboom-connect.service
unitdir = $(prefix)/lib/systemd/system
unit_DATA = $(UNITS)
CLEANFILES += $(UNITS)
EXTRA_DIST += contrib/systemd/README.md $(UNITS:=.in)
$(UNITS): %: %.in Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && \
	  sed 's#@bindir[@]#$(bindir)#; s#@docdir[@]#$(docdir)#' $(srcdir)/$@.in >$@
