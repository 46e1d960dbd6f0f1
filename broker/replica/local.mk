broker_libbroker_a_SOURCES += \
  %D%/producer_state.c %D%/producer_state.h
