/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_client.h - HTTP requests on the event loop (libcurl's multi interface, no threads).
 * Connections are kept alive and reused. Redirects are not followed.
 */
#ifndef LOGBOOM_CONNECTORS_SINKS_HTTP_CLIENT_H
#define LOGBOOM_CONNECTORS_SINKS_HTTP_CLIENT_H

#include "protocol/base/buf.h"
#include "protocol/net/loop.h"

#include <curl/curl.h>

struct http_client_config {
    const char *username, *password;  /* NULL: none */
    const char *ca_file;              /* NULL: the system's */
    const char *cert_file, *key_file; /* NULL: none */
    bool verify;
    uint64_t timeout_ns, connect_timeout_ns;
    size_t reply_bytes_max;
};

struct http_client;

/* The strings of cfg must outlive it. */
struct http_client *http_client_new(struct loop *l, const struct http_client_config *cfg);
/* Running calls end without done(). */
void http_client_free(struct http_client *c);

/* One request; embedded in its owner. */
struct http_call {
    const char *url, *method;   /* url is copied, method is constant text */
    struct curl_slist *headers; /* the caller's, until done */
    struct slice body;          /* the caller's, until done */
    void (*done)(void *owner);
    void *owner;
    /* The outcome, readable in done(). */
    enum err result; /* ERR_OK: status and reply are there; ERR_TIMEOUT, ERR_IO: see error_text */
    long status;
    int64_t retry_after_s; /* 0: not asked for */
    struct buf reply;      /* kept for the next call; freed by http_call_deinit() */
    char error_text[CURL_ERROR_SIZE];
    /* the client's */
    struct http_client *client;
    CURL *easy; /* NULL when not running */
};

void http_call_start(struct http_client *c, struct http_call *call);
void http_call_deinit(struct http_call *call);

#endif
