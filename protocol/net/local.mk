# protocol/net: the event loop and what stands on it.
protocol_libprotocol_a_SOURCES += \
  %D%/http.c %D%/http.h \
  %D%/listener.c \
  %D%/loop.c %D%/loop.h %D%/loop_internal.h \
  %D%/service.c %D%/service.h %D%/service_config.def %D%/service_internal.h \
  %D%/service_notify.c %D%/service_options.c \
  %D%/tcp_stream.c \
  %D%/workers.c
