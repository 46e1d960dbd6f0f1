/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decide.c - the two tables. Pure; driven by sinks/elasticsearch.c and sinks/http.c.
 *   (D1) nothing is done but what the server confirmed; nothing is dead but what it refused for its
 *        content. Everything else waits or is sent again, for ever.
 */
#include "connectors/sinks/decide.h"

#include <stdlib.h>

enum fate decide_bulk_item(unsigned status, struct slice error_type, enum bulk_action action,
                           bool own_id)
{
    if (status >= 200 && status < 300) {
        return FATE_DONE;
    }
    switch (status) {
    case 404:
        /* Nothing to delete is what a delete wants; else the index is missing. */
        return action == BULK_DELETE ? FATE_DONE : FATE_PARK;
    case 409:
        return action == BULK_CREATE && own_id ? FATE_DUPLICATE : FATE_RETRY;
    case 400:
        /* Both servers say 400 for a closed index, though nothing is wrong with the document. */
        return slice_eq_str(error_type, "index_closed_exception") ? FATE_PARK : FATE_DEAD;
    case 401:
    case 403:
        return FATE_PARK;
    case 413:
        return FATE_DEAD;
    default:
        return status == 429 || status >= 500 ? FATE_RETRY : FATE_DEAD;
    }
}

enum whole decide_bulk(long status)
{
    if (status >= 200 && status < 300) {
        return WHOLE_ITEMS;
    }
    if (status == 400) {
        return WHOLE_BISECT;
    }
    if (status == 413) {
        return WHOLE_HALVE;
    }
    if (status == 408 || status == 425 || status == 429 || status >= 500) {
        return WHOLE_RETRY;
    }
    return WHOLE_PAUSE; /* 401, 403, 404, 406, redirects: about the way, not about the documents */
}

bool decide_status_listed(long status, const struct config_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const char *s = list->items[i];
        bool family = strlen(s) == 3 && s[1] == 'x' && s[2] == 'x';
        if (family ? status / 100 == s[0] - '0' : status == strtol(s, NULL, 10)) {
            return true;
        }
    }
    return false;
}

enum whole decide_http(long status, size_t count, const struct config_list *retry_on)
{
    if (status >= 200 && status < 300) {
        return WHOLE_DONE;
    }
    if (status == 408 || status == 425 || status == 429 || status >= 500 ||
        decide_status_listed(status, retry_on)) {
        return WHOLE_RETRY;
    }
    if (status == 413) {
        return WHOLE_HALVE;
    }
    if (status < 400 || status == 401 || status == 403 || status == 407) {
        return WHOLE_PAUSE;
    }
    return WHOLE_SINGLY;
}
