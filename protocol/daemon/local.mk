protocol_libprotocol_a_SOURCES += \
  %D%/config.c %D%/config_print.c %D%/config.h \
  %D%/env.h \
  %D%/json.c %D%/json_tree.c %D%/json.h \
  %D%/log.c %D%/log.h \
  %D%/metrics.c %D%/metrics.h \
  %D%/vfs.h %D%/vfs_posix.c \
  %D%/yaml.c %D%/yaml.h
