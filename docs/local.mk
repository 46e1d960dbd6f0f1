# docs: sources and programs.
# A generated page: its program in noinst_PROGRAMS, and a line in GENERATED_DOCS (page, then program).
noinst_PROGRAMS += docs/gen_protocol
docs_gen_protocol_SOURCES = docs/gen_protocol.c
docs_gen_protocol_LDADD = $(PROTOCOL_LIBS)
GENERATED_DOCS = \
  protocol.md:docs/gen_protocol$(EXEEXT)

docs: $(noinst_PROGRAMS) $(bin_PROGRAMS)
	@for doc in $(GENERATED_DOCS); do \
	  "./$${doc#*:}" >docs-page.tmp && mv docs-page.tmp "$(srcdir)/docs/generated/$${doc%%:*}" || exit 1; \
	done
	@pages=$$(mktemp -d) && sh $(srcdir)/docs/reference.sh "$$pages" && \
	  cp "$$pages"/*.md $(srcdir)/docs/generated/ && cp "$$pages"/*.yml $(srcdir)/conf/ && \
	  rm -rf "$$pages"
.PHONY: docs

# Pages that lag behind their tables fail `make check`.
TESTS += docs/check_generated.sh docs/check_reference.sh
check_SCRIPTS += docs/check_generated.sh docs/check_reference.sh
EXTRA_DIST += docs/check_generated.sh docs/check_reference.sh docs/reference.sh docs/decisions
generateddir = $(docsdir)/generated
dist_generated_DATA = docs/generated/protocol.md docs/generated/configuration.md \
  docs/generated/metrics.md
docsdir = $(docdir)/docs
dist_doc_DATA = README.md CHANGELOG.md
dist_docs_DATA = docs/README.md docs/ARCHITECTURE.md docs/CLUSTER.md docs/HACKING.md
AM_TESTS_ENVIRONMENT = GENERATED_DOCS='$(GENERATED_DOCS)'; export GENERATED_DOCS;
