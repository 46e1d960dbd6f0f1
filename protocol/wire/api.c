/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api.c - the table of APIs, headers and frames.
 * Driven by the broker's connections and by the client's.
 *   (A1) A frame's length counts all that follows it, spliced bytes included.
 *   (A2) A frame that fails leaves no bytes behind.
 */
#include "protocol/wire/api.h"

#include "protocol/base/be.h"

#include <assert.h>

const struct api *api_find(int16_t key)
{
    static const struct api apis[API_KEY_END] = {
#define API_ROW(key_, name_, prefix, advertised_min_)                                              \
    [key_] = { .name = #name_,                                                                     \
               .request = &prefix##_request_schema,                                                \
               .response = &prefix##_response_schema,                                              \
               .key = key_,                                                                        \
               .advertised_min = advertised_min_ },
        API_LIST(API_ROW)
#undef API_ROW
    };
    return key >= 0 && key < API_KEY_END && apis[key].name ? &apis[key] : NULL;
}

int16_t api_request_header_version(int16_t key, int16_t version)
{
    const struct api *api = api_find(key);
    return api && schema_is_flexible(api->request, version) ? 2 : 1;
}

int16_t api_response_header_version(int16_t key, int16_t version)
{
    const struct api *api = api_find(key);
    return api && key != API_ApiVersions && schema_is_flexible(api->response, version) ? 1 : 0;
}

enum err api_request_header_decode(struct reader *r, struct request_header *ret_header)
{
    if (reader_left(r) < 4) {
        reader_fail(r, ERR_SHORT);
        return r->err;
    }
    int16_t key = (int16_t)be16_load(r->pos);
    int16_t version = (int16_t)be16_load(r->pos + 2);
    /* No arena: the header has no arrays. */
    struct request_header header;
    enum err err = schema_decode(&request_header_schema, api_request_header_version(key, version),
                                 r, NULL, &header);
    if (!err) {
        *ret_header = header;
    }
    return err;
}

enum err api_response_header_decode(struct reader *r, int16_t key, int16_t version,
                                    int32_t *ret_correlation_id)
{
    struct response_header header;
    enum err err = schema_decode(&response_header_schema, api_response_header_version(key, version),
                                 r, NULL, &header);
    if (!err) {
        *ret_correlation_id = header.correlation_id;
    }
    return err;
}

static enum err frame(struct writer *w, const struct schema *header_schema, int16_t header_version,
                      const void *header, const struct schema *body_schema, int16_t version,
                      const void *body)
{
    assert(w->buf);
    size_t at = w->buf->len, before = w->len, splices = w->splice_count;
    writer_i32(w, 0);
    enum err err = schema_encode(header_schema, header_version, w, header);
    if (!err) {
        err = schema_encode(body_schema, version, w, body);
    }
    size_t length = w->len - before - 4;
    if (!err && length > INT32_MAX) {
        err = ERR_LIMIT;
    }
    if (err) {
        w->buf->len = at;
        w->len = before;
        w->splice_count = splices;
        return err;
    }
    writer_patch_i32(w, at, (int32_t)length);
    return ERR_OK;
}

enum err api_frame_request(struct writer *w, const struct request_header *header, const void *body)
{
    int16_t key = header->request_api_key, version = header->request_api_version;
    const struct api *api = api_find(key);
    if (!api) {
        return ERR_UNSUPPORTED;
    }
    return frame(w, &request_header_schema, api_request_header_version(key, version), header,
                 api->request, version, body);
}

enum err api_frame_response(struct writer *w, int16_t key, int16_t version, int32_t correlation_id,
                            const void *body)
{
    const struct api *api = api_find(key);
    if (!api) {
        return ERR_UNSUPPORTED;
    }
    struct response_header header = { .correlation_id = correlation_id };
    return frame(w, &response_header_schema, api_response_header_version(key, version), &header,
                 api->response, version, body);
}
