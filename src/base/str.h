/* SPDX-License-Identifier: Apache-2.0
 * Strings: str_t is a borrowed view, never assumed NUL-terminated; struct buf builds bytes, is
 * always NUL-terminated, born with a maximum and keeps a sticky failure that is tested at the end.
 */
#pragma once
#include <string.h>

#include "base/macros.h"

typedef struct str {
    const char *p;
    size_t n;
} str_t;

#define STR(literal) ((str_t){ (literal), sizeof(literal) - 1 })
#define STR_ARG(s) (int)(s).n, (s).p /* for "%.*s" */

str_t str_of(const char *z); /* NULL gives an empty view */
int str_eq(str_t a, str_t b);
int str_is(str_t a, const char *z);
int str_cmp(str_t a, str_t b); /* bytewise order */
int str_starts(str_t s, const char *prefix);
int str_ends(str_t s, const char *suffix);
str_t str_trim(str_t s);                      /* without ASCII blanks at both ends */
size_t str_find(str_t s, const char *needle); /* SIZE_MAX when absent */
int str_cut(str_t s, char at, str_t *out_before, str_t *out_after); /* 1 when found */
int str_is_utf8(str_t s);
/* Damerau-Levenshtein distance, at most `max` + 1; for did-you-mean. */
int str_distance(str_t a, str_t b, int max);
/* The candidate nearest to s within distance 2 (1 for words under 4 bytes), or NULL. */
const char *str_nearest(str_t s, const char *const *candidates, size_t n);
/* Terminal columns of UTF-8 text (CJK wide = 2). */
size_t str_width(str_t s);

struct buf {
    char *p;
    size_t n;
    size_t cap;
    size_t max_bytes;
    int failed; /* sticky: past the maximum or out of memory */
};

void buf_init(struct buf *b, size_t max_bytes);
void buf_fini(struct buf *b);
void buf_clear(struct buf *b); /* keeps the memory, forgets content and failure */
void buf_put(struct buf *b, const void *p, size_t n);
void buf_puts(struct buf *b, const char *z);
void buf_putc(struct buf *b, char c);
void buf_str(struct buf *b, str_t s);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
char *buf_reserve(struct buf *b,
                  size_t n); /* room for n more bytes, or NULL (failed); then set b->n */
str_t buf_view(const struct buf *b);
