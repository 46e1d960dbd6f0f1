# conf: sample configurations; the daemons' are made by `make docs` from their tables.
examplesdir = $(docdir)/examples
dist_examples_DATA = conf/agent.yml conf/broker.yml conf/connect.yml
flowsdir = $(examplesdir)/flows
dist_flows_DATA = conf/flows/errors-and-bots.yml conf/flows/web-to-search.yml
clusterdir = $(examplesdir)/cluster
dist_cluster_DATA = conf/cluster/node-1.yml conf/cluster/node-2.yml conf/cluster/node-3.yml
EXTRA_DIST += conf/README.md
