broker_libbroker_a_SOURCES += \
  %D%/follower.c %D%/follower.h \
  %D%/isr.c %D%/isr.h \
  %D%/producer_state.c %D%/producer_state.h \
  %D%/quota.c %D%/quota.h
