/* SPDX-License-Identifier: Apache-2.0
 * Numbers to and from text, exact and independent of the locale. */
#pragma once
#include "base/str.h"

/* Whole text must be the number; 0 on success, -1 otherwise (out untouched). */
int parse_u64(str_t s, uint64_t *out) WARN_UNUSED;
int parse_i64(str_t s, int64_t *out) WARN_UNUSED;
/* Decimal or exponent form, also nan, inf, infinity with sign in any case. Correctly rounded. */
int parse_double(str_t s, double *out) WARN_UNUSED;
/* "30s", "20m", "12h", "7d", "250ms" -> nanoseconds. */
int parse_duration(str_t s, int64_t *out_ns) WARN_UNUSED;
/* "512", "64KiB", "16MiB", "2GiB" (also K, M, G = powers of 1024). */
int parse_size(str_t s, uint64_t *out_bytes) WARN_UNUSED;

enum { FMT_DOUBLE_MAX = 32 };
/* Shortest text that reads back as the same double: "0.1", "1e-07", "412300.0", "NaN", "Infinity",
 * "-Infinity". A whole number keeps one decimal (".0"). Returns the length. */
size_t fmt_double(double v, char out[FMT_DOUBLE_MAX]);
#define FMT_WHOLE_BELOW 1e9
/* With the given significant digits, for people ("0.4837"). Below FMT_WHOLE_BELOW all digits before
 * the point are kept instead of an exponent: 102437.4 with 4 is "102437", not "1.024e+05". */
size_t fmt_double_digits(double v, int digits, char out[FMT_DOUBLE_MAX]);
size_t fmt_i64(int64_t v, char out[FMT_DOUBLE_MAX]);
void buf_double(struct buf *b, double v);
void buf_i64(struct buf *b, int64_t v);
