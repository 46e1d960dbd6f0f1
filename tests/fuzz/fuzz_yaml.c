/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_yaml.c - a file of settings. Promises: memory within the arena's cap, every refusal has a
 * text with the file's name, every tree is within the bounds and no mapping holds a key twice.
 */
#include "protocol/daemon/yaml.h"
#include "tests/fuzz/fuzz.h"

#include <assert.h>

enum { CAP_BYTES = 4 << 20, DEPTH_MAX = 65 };

static void walk(const struct yaml_node *n, unsigned depth)
{
    uint32_t count = 0;
    assert(depth <= DEPTH_MAX && n->line > 0 && n->column > 0);
    assert(n->kind != YAML_SCALAR || n->text.ptr[n->text.len] == '\0');
    for (const struct yaml_node *c = n->child; c; c = c->next, count++) {
        for (const struct yaml_node *d = count < 64 ? c->next : NULL; d; d = d->next) {
            assert(n->kind != YAML_MAPPING || !slice_eq(c->key, d->key));
        }
        walk(c, depth + 1);
    }
    assert(count == n->child_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct arena arena;
    struct yaml_node *root = NULL;
    struct error err = { 0 };
    arena_init(&arena, CAP_BYTES);
    if (yaml_parse(slice_of(bytes, len), "fuzz.yml", &arena, &root, &err) == ERR_OK) {
        walk(root, 1);
    } else {
        assert(slice_starts(slice_str(err.text), "fuzz.yml"));
    }
    assert(arena.used_bytes <= CAP_BYTES);
    arena_deinit(&arena);
    return 0;
}
