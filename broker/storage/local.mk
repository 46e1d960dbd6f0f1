broker_libbroker_a_SOURCES +=
