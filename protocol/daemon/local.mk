protocol_libprotocol_a_SOURCES += \
  %D%/config.h %D%/env.h %D%/json.h %D%/log.h %D%/metrics.h %D%/vfs.h %D%/yaml.h
