# contrib: the lint, and formatting.
EXTRA_DIST += contrib/lint/README.md contrib/lint/lint.py contrib/lint/check_lint.sh
TESTS += contrib/lint/check_lint.sh
check_SCRIPTS += contrib/lint/check_lint.sh

lint:
	python3 $(srcdir)/contrib/lint/lint.py $(srcdir)

# The tables (*.def) are laid out by hand. Before version 15 clang-format does not know InsertBraces.
format:
	@style=$$(mktemp) && sed '/^InsertBraces/d' $(srcdir)/.clang-format >"$$style" && \
	  if clang-format --style=file:$(srcdir)/.clang-format --dump-config >/dev/null 2>&1; then \
	    cp $(srcdir)/.clang-format "$$style"; fi && \
	  (cd $(srcdir) && git ls-files '*.c' '*.h' | xargs clang-format --style="file:$$style" -i) && \
	  rm -f "$$style"
.PHONY: lint format
