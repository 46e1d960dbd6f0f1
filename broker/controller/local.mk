# broker/controller: pure.
broker_libbroker_a_SOURCES += \
  %D%/changes.c %D%/changes.h %D%/image.c %D%/image.h %D%/placement.c %D%/placement.h \
  %D%/records.c %D%/records.h
