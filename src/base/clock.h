/* SPDX-License-Identifier: Apache-2.0
 * Time. Everything that decides by wall-clock time asks clock_now_ms, which a test or a child can
 * replace: SLIPWAY_CLOCK_MS=<ms> freezes it, clock_set_fixed does so in process. Durations use
 * clock_mono_ns, which is never replaced. */
#pragma once
#include "base/str.h"

int64_t clock_now_ms(void);           /* Unix time in milliseconds, UTC */
int64_t clock_mono_ns(void);          /* monotonic */
void clock_set_fixed(int64_t now_ms); /* negative = back to the real clock */
int clock_is_fixed(void);

enum { CLOCK_TEXT_MAX = 40 };
/* "2026-11-24T23:02:25.123Z". */
size_t clock_format(int64_t ms, char out[CLOCK_TEXT_MAX]);
/* RFC 3339 or a bare date or "YYYY-MM-DD HH:MM:SS"; no zone means UTC. */
int clock_parse(str_t s, int64_t *out_ms) WARN_UNUSED;
