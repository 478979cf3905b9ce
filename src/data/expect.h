/* SPDX-License-Identifier: Apache-2.0
 * Data tests: rules that rows must satisfy. All rules are checked, all failures are reported with
 * counts and example rows, not only the first. */
#pragma once
#include "data/frame.h"
#include "data/spec.h"

enum { EXPECT_EXAMPLES = 5 };

struct expect_outcome {
    const struct expect_rule *rule;
    int passed;
    size_t checked, failed;       /* rows */
    size_t rows[EXPECT_EXAMPLES]; /* row numbers of the file, from 1 */
    const char *values[EXPECT_EXAMPLES];
    size_t example_n;
    const char *message; /* "in_range bmi [10, 60]: 2 of 442 rows fail: row 17 (bmi 604), row 80
                            (bmi -1)" */
};

/* Answers whether a pattern matches each of n texts, out[i] = 0 or 1; given by the caller, because
 * the engine behind it (RE2 in DuckDB) is loaded only when a rule needs it. */
typedef int (*expect_match_fn)(void *arg, const char *pattern, const str_t *texts, size_t n,
                               uint8_t *out, struct err *err);

/* Checks every rule against the frame; outcomes (n) come from the arena. Fails only when a rule
 * cannot be checked at all (INVALID: unknown column, in_range on strings, bad pattern). */
int expect_check(struct arena *a, const struct frame *f, const struct expect_rule *rules, size_t n,
                 expect_match_fn match, void *match_arg, struct expect_outcome **out,
                 struct err *err) WARN_UNUSED;
