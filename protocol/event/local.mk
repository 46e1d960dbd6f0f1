protocol_libprotocol_a_SOURCES += \
  %D%/access.h \
  %D%/condition.c %D%/condition.h \
  %D%/dissect.c %D%/dissect.h \
  %D%/pattern.c %D%/pattern.h \
  %D%/regex.c %D%/regex.h \
  %D%/time_format.c %D%/time_format.h \
  %D%/time_layout.c %D%/time_layout.h \
  %D%/value.c %D%/value.h
