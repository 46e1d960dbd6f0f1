/* SPDX-License-Identifier: Apache-2.0 */
/* api_versions.c - ApiVersions (18): what is in table.c, and the finalized features. KIP-35,
 * KIP-511. */
#include "broker/api/table.h"
#include "broker/broker.h"
#include "broker/controller/features.h"

static bool is_word(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.ptr[i];
        bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        bool inner = (c == '-' || c == '.') && i > 0 && i + 1 < s.len;
        if (!alnum && !inner) {
            return false;
        }
    }
    return s.len > 0;
}

static bool fill_keys(struct call *c, struct api_versions_response *resp)
{
    resp->api_keys = call_array(c, &api_versions_response_api_version_schema, API_KEY_END);
    if (!resp->api_keys) {
        return false;
    }
    for (int16_t key = 0; key < API_KEY_END; key++) {
        const struct api *api = api_row(key, c->kind) ? api_find(key) : NULL;
        if (api) {
            struct api_versions_response_api_version *row = &resp->api_keys[resp->api_keys_n++];
            row->api_key = key;
            row->min_version = api->advertised_min;
            row->max_version = api->request->max;
        }
    }
    return true;
}

/* Versions before 4 are read by clients that refuse a feature whose least level is 0 (KIP-584). */
static bool is_told(const struct call *c, int16_t min)
{
    return c->version >= 4 || min > 0;
}

/* kraft.version is in the log's control records, not in the image: ask the quorum (KIP-853). */
static int16_t finalized_level(const struct broker *b, const char *name)
{
    if (strcmp(name, "kraft.version") == 0 && b->quorum.raft) {
        return raft_kraft_version(b->quorum.raft);
    }
    return image_feature(&b->image, name);
}

static bool fill_features(struct call *c, struct api_versions_response *resp)
{
    const struct image *img = &c->broker->image;
    resp->supported_features = call_array(c, &api_versions_response_supported_feature_key_schema,
                                          (int32_t)feature_table_count);
    if (!resp->supported_features) {
        return false;
    }
    resp->finalized_features = call_array(c, &api_versions_response_finalized_feature_key_schema,
                                          (int32_t)feature_table_count);
    if (!resp->finalized_features) {
        return false;
    }
    for (uint32_t i = 0; i < feature_table_count; i++) {
        const struct feature_support *f = &feature_table[i];
        int16_t level = finalized_level(c->broker, f->name);
        if (is_told(c, f->min)) {
            struct api_versions_response_supported_feature_key *row =
                &resp->supported_features[resp->supported_features_n++];
            row->name = slice_str(f->name);
            row->min_version = f->min;
            row->max_version = f->max;
        }
        if (level > 0) {
            struct api_versions_response_finalized_feature_key *row =
                &resp->finalized_features[resp->finalized_features_n++];
            row->name = slice_str(f->name);
            row->min_version_level = level;
            row->max_version_level = level;
        }
    }
    resp->finalized_features_epoch = img->end_offset - 1;
    return true;
}

void handle_api_versions(struct call *c)
{
    const struct api_versions_request *req = c->request;
    struct api_versions_response *resp = call_response(c);
    if (!resp) {
        return;
    }
    if (c->version >= 3 &&
        (!is_word(req->client_software_name) || !is_word(req->client_software_version))) {
        resp->error_code = KAFKA_INVALID_REQUEST;
        call_reply(c, resp);
        return;
    }
    if (fill_keys(c, resp) && fill_features(c, resp)) {
        call_reply(c, resp);
    }
}

void api_versions_unsupported(struct call *c)
{
    struct api_versions_response *resp = call_response(c);
    if (!resp) {
        return;
    }
    resp->error_code = KAFKA_UNSUPPORTED_VERSION;
    resp->api_keys = call_array(c, &api_versions_response_api_version_schema, 1);
    if (!resp->api_keys) {
        return;
    }
    resp->api_keys_n = 1;
    resp->api_keys[0].api_key = API_ApiVersions;
    resp->api_keys[0].min_version = c->api->advertised_min;
    resp->api_keys[0].max_version = c->api->request->max;
    call_reply_version(c, 0, resp);
}
