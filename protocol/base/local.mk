protocol_libprotocol_a_SOURCES += \
  %D%/alloc.c %D%/alloc.h \
  %D%/arena.c %D%/arena.h \
  %D%/be.h \
  %D%/buf.c %D%/buf.h \
  %D%/crc32c.c %D%/crc32c.h \
  %D%/err.c %D%/err.h \
  %D%/heap.c %D%/heap.h \
  %D%/list.h \
  %D%/map.c %D%/map.h \
  %D%/rng.c %D%/rng.h \
  %D%/slice.h \
  %D%/units.c %D%/units.h
