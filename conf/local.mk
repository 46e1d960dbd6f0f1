# conf: sample configurations, made by `make docs` from the daemons' tables.
EXTRA_DIST += conf/broker.yml
