# `logboom`, the command-line tool: thin over protocol/client.
bin_PROGRAMS += logboom
logboom_SOURCES = \
  %D%/cli.c %D%/cli.h \
  %D%/consume.c \
  %D%/group.c \
  %D%/log_dump.c \
  %D%/main.c \
  %D%/produce.c \
  %D%/topic.c
logboom_LDADD = $(PROTOCOL_LIBS)
