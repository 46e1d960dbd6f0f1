# conf: sample configurations, made by `make docs` from the daemons' tables.
EXTRA_DIST += conf/broker.yml
EXTRA_DIST += conf/connect.yml conf/flows/web-to-search.yml conf/flows/errors-and-bots.yml
