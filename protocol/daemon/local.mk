protocol_libprotocol_a_SOURCES += \
  %D%/config.h \
  %D%/env.h \
  %D%/json.c %D%/json_tree.c %D%/json.h \
  %D%/log.c %D%/log.h \
  %D%/metrics.h \
  %D%/vfs.h %D%/vfs_posix.c \
  %D%/yaml.h
