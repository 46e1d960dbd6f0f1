# agent: sources and programs. The sources are a library, so that its tests link the very same objects.
noinst_LIBRARIES += agent/libagent.a
agent_libagent_a_SOURCES = \
  agent/agent_metrics.def agent/agent_config.def agent/input/input_config.def \
  agent/ship/output_config.def agent/agent_plan.c agent/agent_plan.h \
  agent/tail/identity.c agent/tail/identity.h agent/tail/lines.c agent/tail/lines.h \
  agent/tail/hours.c agent/tail/hours.h \
  agent/tail/multiline.c agent/tail/multiline.h agent/tail/container.c agent/tail/container.h \
  agent/watch/files.h agent/watch/files_posix.c agent/watch/discover.c agent/watch/discover.h \
  agent/watch/notify.h agent/watch/notify_inotify.c \
  agent/process/event.c agent/process/event.h \
  agent/process/processor.c agent/process/processor.h agent/process/processors.c \
  agent/process/processors.def \
  agent/ship/tracker.c agent/ship/tracker.h agent/ship/registry_codec.c agent/ship/registry_codec.h \
  agent/ship/registry.c agent/ship/registry.h agent/ship/encoder.c agent/ship/encoder.h \
  agent/ship/shorten.c agent/ship/shorten.h agent/ship/output.h agent/ship/output_file.c agent/ship/output_file.h \
  agent/ship/output_kafka.c agent/ship/output_kafka.h \
  agent/input/parse.c agent/input/parse.h agent/input/filestream.c agent/input/filestream.h \
  agent/input/harvester.c agent/input/rotation.c
agent_libagent_a_SOURCES += agent/agent.c agent/agent.h agent/runtime.c agent/runtime.h

bin_PROGRAMS += logboom-agent
logboom_agent_SOURCES = agent/main.c
logboom_agent_LDADD = agent/libagent.a $(PROTOCOL_LIBS)
