# protocol/net: the event loop and what stands on it.
protocol_libprotocol_a_SOURCES += \
  %D%/http.h %D%/loop.h %D%/service.h
