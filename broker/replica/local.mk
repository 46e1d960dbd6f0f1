broker_libbroker_a_SOURCES += \
  %D%/producer_state.h
