broker_libbroker_a_SOURCES += \
  %D%/coordinator.h
