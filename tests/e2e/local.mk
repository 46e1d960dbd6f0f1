# tests/e2e
include tests/e2e/drivers/local.mk
