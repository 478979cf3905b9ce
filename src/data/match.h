/* SPDX-License-Identifier: Apache-2.0
 * The pattern matcher for expect.h. Worker processes only: it loads DuckDB. */
#pragma once
#include "base/err.h"
#include "base/str.h"

/* An expect_match_fn: out[i] = 1 when the whole of texts[i] matches the RE2 pattern. arg is not
 * used. */
int match_texts(void *arg, const char *pattern, const str_t *texts, size_t n, uint8_t *out,
                struct err *err) WARN_UNUSED;
