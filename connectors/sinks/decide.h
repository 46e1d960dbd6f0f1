/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decide.h - what to do with an answer: the decision tables of the sinks. Pure.
 * Go by the status, never by the text of an error, with one exception (a closed index, see .c).
 */
#ifndef LOGBOOM_CONNECTORS_SINKS_DECIDE_H
#define LOGBOOM_CONNECTORS_SINKS_DECIDE_H

#include "connectors/sinks/batch.h"

/* What becomes of a whole request. */
enum whole {
    WHOLE_ITEMS,  /* look at the items */
    WHOLE_DONE,   /* all of them are delivered */
    WHOLE_RETRY,  /* all of them again, after a delay */
    WHOLE_HALVE,  /* too large: smaller requests from now on; a single one is dead */
    WHOLE_BISECT, /* one of them is malformed: halves; a single one is dead */
    WHOLE_SINGLY, /* one of them is refused: one by one; a single one is dead */
    WHOLE_PAUSE,  /* nothing helps but an operator: wait and probe, keep everything */
};

enum bulk_action { BULK_CREATE, BULK_INDEX, BULK_DELETE };

/* An item of a _bulk answer. own_id: its _id was chosen by us, so a conflict is our own earlier
 * one. */
enum fate decide_bulk_item(unsigned status, struct slice error_type, enum bulk_action action,
                           bool own_id);
/* A whole _bulk request. */
enum whole decide_bulk(long status);
/* A request of the http sink that carried count records. retry_on lists further statuses ("409",
 * "5xx"). */
enum whole decide_http(long status, size_t count, const struct config_list *retry_on);
/* Whether a status is in a list of "429" and "5xx". */
bool decide_status_listed(long status, const struct config_list *list);

#endif
