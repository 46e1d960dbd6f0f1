# protocol/net: the event loop and what stands on it.
protocol_libprotocol_a_SOURCES += \
  %D%/http.h \
  %D%/listener.c \
  %D%/loop.c %D%/loop.h %D%/loop_internal.h \
  %D%/service.h \
  %D%/tcp_stream.c \
  %D%/workers.c
