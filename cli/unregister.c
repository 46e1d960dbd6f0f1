/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unregister.c - `logboom cluster unregister`: a broker that will not come back. Its replicas stay
 * on their lists: `cluster rebalance --drain` moves them. One that lives registers again at once.
 */
#include "cli/cli.h"

enum err cli_cluster_unregister(struct cli *c, struct error *err)
{
    struct unregister_broker_request req;
    const char *id = c->args.words[0];
    schema_init(&unregister_broker_request_schema, &req);
    if (cli_number(slice_str(id), &req.broker_id)) {
        return err_set(err, ERR_INVALID, "a broker's id is a number, not \"%s\"", id);
    }
    const void *answer;
    enum err e = cli_call(c, NODE_ANY, &unregister_broker_request_schema, &req, -1, &answer, err);
    if (!e) {
        const struct unregister_broker_response *r = answer;
        e = cli_check(r->error_code, r->error_message, err, "unregister broker %d", req.broker_id);
    }
    if (e) {
        return e;
    }
    if (!c->args.json) {
        fprintf(c->out, "unregistered broker %d\n", req.broker_id);
        return ERR_OK;
    }
    struct buf out = { 0 };
    struct json_writer w;
    json_init(&w, &out);
    json_begin_object(&w);
    cli_json_int(&w, "unregistered", req.broker_id);
    json_end_object(&w);
    cli_print_json(c, &out);
    return ERR_OK;
}
