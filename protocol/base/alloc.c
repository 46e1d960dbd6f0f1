/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alloc.c - the one caller of malloc. Driven by everything that owns memory.
 *   (A1) No function here returns NULL.
 */
#include "protocol/base/alloc.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *checked(void *ptr, size_t size)
{
    if (!ptr) {
        fprintf(stderr, "fatal: out of memory (%zu bytes wanted)\n", size);
        abort();
    }
    return ptr;
}

static size_t product(size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        (void)checked(NULL, SIZE_MAX);
    }
    return bytes;
}

void *mem_alloc(size_t size)
{
    return checked(malloc(size ? size : 1), size);
}

void *mem_zalloc(size_t size)
{
    return checked(calloc(1, size ? size : 1), size);
}

void *mem_realloc(void *ptr, size_t size)
{
    return checked(realloc(ptr, size ? size : 1), size);
}

void *mem_array(size_t count, size_t size)
{
    return mem_zalloc(product(count, size));
}

void *mem_rearray(void *ptr, size_t count, size_t size)
{
    return mem_realloc(ptr, product(count, size));
}

char *mem_strndup(const void *ptr, size_t len)
{
    char *copy = mem_alloc(len + 1);
    if (len) {
        memcpy(copy, ptr, len);
    }
    copy[len] = '\0';
    return copy;
}

char *mem_strdup(const char *text)
{
    return mem_strndup(text, strlen(text));
}

void mem_free(void *ptr)
{
    free(ptr);
}
