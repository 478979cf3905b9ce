/* SPDX-License-Identifier: Apache-2.0
 * How a candidate is brought in: its steps, how long each lasts, and what sends it back.
 *
 * As JSON, which is also what the record keeps:
 *   {"shadow": 200, "canary": [5, 25, 100], "every": "30s", "min_requests": 200, "check": "3s",
 *    "timeout": "1h", "abort": ["error_rate_low > champion.error_rate + 0.005", …],
 *    "automatic": true}
 * Every member may be left out. Pure; memory from the arena. */
#pragma once
#include "codec/expr.h"
#include "codec/json.h"

enum { STRATEGY_STEPS = 20, STRATEGY_RULES = 32 };

struct strategy_rule {
    const char *text;
    struct expr *expr; /* checked: a boolean over the names of strategy_value_at */
};

struct strategy {
    int64_t shadow_requests; /* answered behind the answers before any share; 0 = no shadow */
    unsigned share[STRATEGY_STEPS]; /* permille, rising; the last is 1000 */
    size_t step_n;
    int64_t every_ms;     /* a step lasts at least so long */
    int64_t min_requests; /* and the candidate answers at least so many in it */
    int64_t check_ms;     /* length of a judged window */
    int64_t timeout_ms;   /* a step that takes longer pauses the rollout; 0 = none */
    struct strategy_rule rules[STRATEGY_RULES];
    size_t rule_n;
    int automatic; /* 0: a person promotes after the last step */
};

/* json NULL or empty: the defaults. ERR_INVALID names the member. */
int strategy_read(struct arena *a, const char *json, struct strategy *out,
                  struct err *err) WARN_UNUSED;
/* Every member, defaults filled in. */
void strategy_write(const struct strategy *s, struct json_out *o);

/* A name that an abort rule may use, alone for the candidate and most also as champion.NAME. */
struct strategy_value {
    const char *name;
    int of_champion; /* also champion.NAME */
    const char *prose;
};
const struct strategy_value *strategy_value_at(size_t i); /* NULL past the last */
