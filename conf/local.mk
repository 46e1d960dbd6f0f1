# conf: sample configurations; the daemons' are made by `make docs` from their tables.
examplesdir = $(docdir)/examples
dist_examples_DATA = conf/agent.yml conf/broker.yml conf/connect.yml
flowsdir = $(examplesdir)/flows
dist_flows_DATA = conf/flows/errors-and-bots.yml conf/flows/web-to-search.yml
EXTRA_DIST += conf/README.md
