/* SPDX-License-Identifier: Apache-2.0
 * Prometheus text: pieces that /metrics is put together from. Names follow Prometheus' conventions:
 * base units, _total for counters, label values escaped. */
#pragma once
#include <math.h>

#include "api/route.h"

/* "# HELP" and "# TYPE" of a metric; its samples must follow directly. */
void metrics_head(struct buf *b, const char *name, const char *type, const char *help);
/* name="value" with escapes; a comma before it unless it is the first. */
void metrics_label(struct buf *b, const char *name, const char *value, int first);
/* " 12\n": ends a sample. */
void metrics_value(struct buf *b, double v);
/* A metric with one sample and no labels. */
void metrics_simple(struct buf *b, const char *name, const char *type, const char *help, double v);
/* Requests by route; nothing before metrics_init. */
void metrics_write_http(struct buf *b);
/* Build, memory, files, processor time. */
void metrics_write_process(struct buf *b, int64_t started_ms);
/* One listener: connections and queues, as slipway_<listener>_…. */
void metrics_write_listener(struct buf *b, const char *listener, const struct http_stats *st);
/* Resident memory of this process, 0 when unknown. */
int64_t metrics_rss_bytes(void);
