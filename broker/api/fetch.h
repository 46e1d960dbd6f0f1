/* SPDX-License-Identifier: Apache-2.0 */
/* fetch.h - what others need of the Fetch handler. */
#ifndef LOGBOOM_BROKER_API_FETCH_H
#define LOGBOOM_BROKER_API_FETCH_H

struct broker;

/* Answers every fetch that waits with what there is: the node stops. */
void fetches_wake_all(struct broker *b);

#endif
