/* SPDX-License-Identifier: Apache-2.0 */
/* main.c - logboom-connect: from Kafka topics through flows to search indexes, HTTP and files. */
#include "connectors/nodes/nodes.h"
#include "connectors/worker.h"

#include <curl/curl.h>

static void print_nodes(FILE *out)
{
    size_t count;
    const struct node_type *const *types = node_types(&count);
    fprintf(out, "\nSettings of a flow (flows.NAME):\n");
    config_print_help(&flow_config_table, out);
    for (size_t i = 0; i < count; i++) {
        fprintf(out, "\nNode type %s: %s\n", types[i]->name, types[i]->about);
        config_print_help(types[i]->table, out);
    }
}

int main(int argc, char **argv)
{
    const struct service_program program = {
        .name = "logboom-connect",
        .about =
            "Carries records from Kafka topics through flows to Elasticsearch, HTTP and files.",
        .config_path = "/etc/logboom/connect.yml",
        .table = &connect_config_table,
        .extra_help = print_nodes,
        .extra_reference = worker_print_settings,
        .metrics_reference = worker_print_metrics,
        .check = worker_check,
        .start = worker_start,
        .stop = worker_stop,
        .free = worker_free,
        .healthy = worker_healthy,
        .routes = rest_routes,
        .route_count = rest_route_count,
    };
    curl_global_init(CURL_GLOBAL_DEFAULT);
    int code = service_main(&program, argc, argv);
    curl_global_cleanup();
    return code;
}
