/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gen_protocol.c - prints docs/generated/protocol.md from the tables of protocol/wire.
 * Driven by `make docs`; `make check` compares what it prints with the file in the tree.
 */
#include "protocol/wire/api.h"
#include "protocol/wire/kafka_error.h"

#include <inttypes.h>
#include <stdio.h>

static const char *kind_name(uint8_t kind)
{
    static const char *const names[] = {
        [KIND_BOOL] = "bool",
        [KIND_I8] = "int8",
        [KIND_I16] = "int16",
        [KIND_U16] = "uint16",
        [KIND_I32] = "int32",
        [KIND_U32] = "uint32",
        [KIND_I64] = "int64",
        [KIND_F64] = "float64",
        [KIND_UUID] = "uuid",
        [KIND_STR] = "string",
        [KIND_STR16] = "string (classic)",
        [KIND_BYTES] = "bytes",
        [KIND_RECORDS] = "records",
    };
    return names[kind];
}

static void print_versions(int since, int until)
{
    if (until == MAX) {
        printf("%d+", since);
    } else if (since == until) {
        printf("%d", since);
    } else {
        printf("%d-%d", since, until);
    }
}

static void print_apis(void)
{
    puts("| Key | API | Versions | Advertised from | Flexible from |\n|---|---|---|---|---|");
    for (int16_t key = 0; key < API_KEY_END; key++) {
        const struct api *api = api_find(key);
        if (!api) {
            continue;
        }
        printf("| %d | %s | ", key, api->name);
        print_versions(api->request->min, api->request->max);
        printf(" | %d | ", api->advertised_min);
        if (api->request->flexible > api->request->max) {
            puts("never |");
        } else {
            printf("%d |\n", api->request->flexible);
        }
    }
}

static void print_fields(const struct schema *s, int depth)
{
    for (uint16_t i = 0; i < s->field_count; i++) {
        const struct field *f = &s->fields[i];
        bool array = f->shape == SHAPE_VECTOR || f->shape == SHAPE_ARRAY;
        printf("%*s- `%s` %s%s, ", 2 * depth, "", f->name, array ? "array of " : "",
               f->sub ? (array ? "structs" : "struct") : kind_name(f->kind));
        print_versions(f->since, f->until);
        if (f->shape == SHAPE_OPTIONAL) {
            printf(", may be null");
        } else if (f->nullable != NEVER) {
            printf(", may be null from %d", f->nullable);
        }
        if (f->tag != NOTAG) {
            printf(", tag %d", f->tag);
        }
        if (array ? f->value == -1 : f->value != 0) {
            if (array) {
                printf(", default null");
            } else {
                printf(", default %" PRId64, f->value);
            }
        }
        putchar('\n');
        if (f->sub) {
            print_fields(f->sub, depth + 1);
        }
    }
}

static void print_messages(void)
{
    for (size_t i = 0; i < message_schema_count; i++) {
        const struct schema *s = message_schemas[i];
        printf("\n### %s\n\n", s->name);
        if (s->key >= 0) {
            printf("Key %d, versions ", s->key);
        } else {
            printf("Versions ");
        }
        print_versions(s->min, s->max);
        if (s->flexible <= s->max) {
            printf(", flexible from %d", s->flexible);
        }
        puts(".\n");
        print_fields(s, 0);
    }
}

static void print_errors(void)
{
    puts("| Code | Name | Retriable | Meaning |\n|---|---|---|---|");
#define ERROR_ROW(code, name, retriable, text)                                                     \
    printf("| %d | %s | %s | %s |\n", code, #name, (retriable) ? "yes" : "no", text);
    KAFKA_ERROR_LIST(ERROR_ROW)
#undef ERROR_ROW
}

int main(void)
{
    puts("<!-- Made by `make docs` from protocol/wire/; do not edit. -->\n# The protocol\n");
    puts("What this version can read and write of Apache Kafka's protocol. Field names are "
         "Kafka's, in\n"
         "lower case; \"3-7\" are versions, \"3+\" all from 3 on.\n");
    puts("## APIs\n");
    print_apis();
    puts("\n## Error codes\n");
    print_errors();
    puts("\n## Messages");
    print_messages();
    return ferror(stdout) || fflush(stdout) ? 1 : 0;
}
