/* SPDX-License-Identifier: Apache-2.0 */
/* pattern.c - see pattern.h. Driven by ship/. */
#include "agent/process/pattern.h"

#include "agent/process/times.h"
#include "protocol/base/alloc.h"

enum part_kind { PART_TEXT, PART_FIELD, PART_TIME };

struct part {
    enum part_kind kind;
    struct slice text;     /* literal, dotted field, or time format */
    struct slice fallback; /* null: none */
};

struct pattern {
    char *source;
    struct part *parts;
    size_t part_count;
};

static struct part *add_part(struct pattern *p, enum part_kind kind, const char *text, size_t len)
{
    p->parts = mem_rearray(p->parts, p->part_count + 1, sizeof(*p->parts));
    struct part *part = &p->parts[p->part_count++];
    *part = (struct part){ kind, slice_of(text, len), slice_null() };
    return part;
}

/* Takes "[field]:default" or "+format" between the braces. */
static enum err add_reference(struct pattern *p, const char *text, size_t len, struct error *err)
{
    if (len > 1 && text[0] == '+') {
        add_part(p, PART_TIME, text + 1, len - 1);
        return ERR_OK;
    }
    const char *close = len ? memchr(text, ']', len) : NULL;
    size_t behind = close ? (size_t)(text + len - close) - 1 : 0;
    if (len < 3 || text[0] != '[' || !close || close == text + 1 ||
        (behind > 0 && close[1] != ':')) {
        return err_set(err, ERR_CONFIG,
                       "format string \"%s\": %%{%.*s} is neither %%{[field]}, %%{[field]:default} "
                       "nor %%{+yyyy.MM.dd}",
                       p->source, (int)len, text);
    }
    struct part *part = add_part(p, PART_FIELD, text + 1, (size_t)(close - text) - 1);
    if (behind > 0) {
        part->fallback = slice_of(close + 2, behind - 1);
    }
    return ERR_OK;
}

enum err pattern_new(const char *text, struct pattern **ret_pattern, struct error *err)
{
    struct pattern *p = mem_zalloc(sizeof(*p));
    p->source = mem_strdup(text);
    const char *at = p->source;
    while (*at) {
        const char *open = strstr(at, "%{");
        size_t literal = open ? (size_t)(open - at) : strlen(at);
        if (literal > 0) {
            add_part(p, PART_TEXT, at, literal);
        }
        if (!open) {
            break;
        }
        const char *close = strchr(open, '}');
        enum err rc =
            close ? add_reference(p, open + 2, (size_t)(close - open) - 2, err)
                  : err_set(err, ERR_CONFIG, "format string \"%s\": a %%{ is not closed", text);
        if (rc) {
            pattern_free(p);
            return rc;
        }
        at = close + 1;
    }
    *ret_pattern = p;
    return ERR_OK;
}

void pattern_free(struct pattern *p)
{
    if (p) {
        mem_free(p->parts);
        mem_free(p->source);
        mem_free(p);
    }
}

enum err pattern_format(const struct pattern *p, const struct event *e, struct buf *out)
{
    size_t len = out->len;
    for (size_t i = 0; i < p->part_count; i++) {
        const struct part *part = &p->parts[i];
        if (part->kind == PART_TEXT) {
            buf_append_slice(out, part->text);
        } else if (part->kind == PART_TIME) {
            times_format_joda(e->time_ms, part->text, out);
        } else {
            struct slice value = event_text(json_get_path(e->root, part->text));
            if (slice_is_null(value)) {
                value = part->fallback;
            }
            if (slice_is_null(value)) {
                out->len = len;
                return ERR_NOT_FOUND;
            }
            buf_append_slice(out, value);
        }
    }
    return ERR_OK;
}

bool pattern_varies(const struct pattern *p)
{
    for (size_t i = 0; i < p->part_count; i++) {
        if (p->parts[i].kind == PART_TIME ||
            (p->parts[i].kind == PART_FIELD && event_field_varies(p->parts[i].text))) {
            return true;
        }
    }
    return false;
}

bool pattern_is_message(const struct pattern *p)
{
    return p->part_count == 1 && p->parts[0].kind == PART_FIELD &&
           slice_eq_str(p->parts[0].text, "message") && slice_is_null(p->parts[0].fallback);
}
