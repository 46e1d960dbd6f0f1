protocol_libprotocol_a_SOURCES += \
  %D%/env.h %D%/vfs.h %D%/vfs_posix.c
