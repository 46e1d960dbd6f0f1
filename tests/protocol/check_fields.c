/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_fields.c - the message tables against Kafka's own definitions, every field of every version
 * that we have (tests/golden/kafka_fields.tsv, made by fields.py). Old versions are no longer sent
 * by the clients at hand, so recorded frames alone would not show a mistake there.
 */
#include "protocol/wire/messages.h"
#include "tests/support/files.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

Suite *fields_suite(void);

/* A row of the file: a field, or the end of the message. */
struct fact {
    int depth, shape, kind, since, until, nullable, tag;
    long long value;
    char name[80];
};

struct cursor {
    const char *next; /* the row to read next */
    const struct schema *message;
};

static const char *line_after(const char *p)
{
    const char *end = strchr(p, '\n');
    return end ? end + 1 : p + strlen(p);
}

static bool read_fact(const char *p, struct fact *ret)
{
    return sscanf(p, "F\t%d\t%79s\t%d\t%d\t%d\t%d\t%d\t%d\t%lld", &ret->depth, ret->name,
                  &ret->shape, &ret->kind, &ret->since, &ret->until, &ret->nullable, &ret->tag,
                  &ret->value) == 9;
}

/* The next field that exists in a version of ours; others are passed over with all below them. */
static bool next_fact(struct cursor *c, struct fact *ret)
{
    while (read_fact(c->next, ret)) {
        c->next = line_after(c->next);
        if (ret->since <= c->message->max && ret->until >= c->message->min) {
            return true;
        }
        struct fact below;
        while (read_fact(c->next, &below) && below.depth > ret->depth) {
            c->next = line_after(c->next);
        }
    }
    return false;
}

/* "topic_id" is "topicid" there. */
static bool same_name(const char *ours, const char *theirs)
{
    for (; *ours; ours++) {
        if (*ours != '_' && *theirs++ != *ours) {
            return false;
        }
    }
    return !*theirs;
}

enum { OWN_TAGS = 10000 };

static int within(int version, const struct schema *message)
{
    return version < message->min   ? message->min
           : version > message->max ? message->max + 1
                                    : version;
}

/* A field is there from `outer` on, the version that has the array around it: what it says of the
 * versions before means nothing, and a struct that several messages share cannot say it. */
static void compare(struct cursor *c, const struct schema *s, int depth, int outer)
{
    const struct schema *m = c->message;
    for (uint16_t i = 0; i < s->field_count; i++) {
        const struct field *f = &s->fields[i];
        if (f->since > m->max || f->until < m->min) {
            continue; /* a struct that two messages share */
        }
        if (f->tag >= OWN_TAGS) {
            continue; /* from node to node; Kafka skips tags it does not know */
        }
        struct fact fact;
        ck_assert_msg(next_fact(c, &fact), "%s: %s is not Kafka's", m->name, f->name);
        ck_assert_msg(same_name(f->name, fact.name) && depth == fact.depth,
                      "%s: %s where %s should be", m->name, f->name, fact.name);
        ck_assert_msg(f->shape == fact.shape && (f->sub || f->kind == fact.kind), "%s: type of %s",
                      m->name, f->name);
        int since = within(f->since > outer ? f->since : outer, m);
        int ours = within(f->nullable, m);
        ck_assert_msg(since == within(fact.since > outer ? fact.since : outer, m) &&
                          within(f->until, m) == within(fact.until, m),
                      "%s: versions of %s", m->name, f->name);
        int theirs = within(fact.nullable, m);
        ck_assert_msg((ours > since ? ours : since) == (theirs > since ? theirs : since) ||
                          f->shape == SHAPE_OPTIONAL,
                      "%s: null in %s", m->name, f->name);
        ck_assert_msg(f->tag == fact.tag, "%s: tag of %s", m->name, f->name);
        ck_assert_msg(f->value == fact.value, "%s: default of %s", m->name, f->name);
        if (f->sub) {
            compare(c, f->sub, depth + 1, since);
        }
    }
}

static void compare_message(const char *file, const struct schema *s)
{
    char head[128];
    int key, min, max, flexible;
    (void)snprintf(head, sizeof(head), "M\t%s\t", s->name);
    const char *row = strstr(file, head);
    ck_assert_msg(row, "%s is not a message of Kafka's", s->name);
    ck_assert_int_eq(sscanf(row + strlen(head), "%d\t%d\t%d\t%d", &key, &min, &max, &flexible), 4);
    ck_assert_msg(s->key == key && s->min >= min && s->max <= max, "%s: key or versions", s->name);
    ck_assert_msg(within(s->flexible, s) == within(flexible, s), "%s: flexible versions", s->name);
    struct cursor c = { line_after(row), s };
    compare(&c, s, 0, s->min);
    struct fact left;
    ck_assert_msg(!next_fact(&c, &left), "%s: %s is missing", s->name, left.name);
}

START_TEST(every_field_is_as_kafka_defines_it)
{
    const char *srcdir = getenv("srcdir");
    struct buf path = { 0 }, file = { 0 };
    buf_printf(&path, "%s/tests/golden/kafka_fields.tsv", srcdir ? srcdir : ".");
    ck_assert(files_read(buf_cstr(&path), &file));
    for (size_t i = 0; i < message_schema_count; i++) {
        compare_message(buf_cstr(&file), message_schemas[i]);
    }
    buf_deinit(&path);
    buf_deinit(&file);
}
END_TEST

Suite *fields_suite(void)
{
    Suite *s = suite_create("fields");
    TCase *t = tcase_create("fields");
    tcase_add_test(t, every_field_is_as_kafka_defines_it);
    suite_add_tcase(s, t);
    return s;
}
