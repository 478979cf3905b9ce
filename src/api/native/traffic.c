/* SPDX-License-Identifier: Apache-2.0
 * /metrics of the serving table: requests, errors, rows, latencies and the mean prediction, by
 * endpoint and version. */
#include <stdio.h>

#include "api/metrics.h"
#include "api/tables.h"
#include "base/limits.h"
#include "base/num.h"
#include "serve/serve.h"

/* Ends of latency buckets of the serving table (powers of two of 1.024 µs), so that counts are
 * exact. */
static const int64_t bounds[] = { 16384,     32768,      65536,     131072,   262144,
                                  524288,    1048576,    4194304,   16777216, 67108864,
                                  268435456, 1073741824, 4294967296 };

struct one {
    const struct serve_status *st;
    const struct serve_traffic_info *info;
};

static void labels(struct buf *b, const struct one *x)
{
    metrics_label(b, "endpoint", x->st->endpoint, 1);
    metrics_label(b, "model", x->st->model, 0);
    metrics_label(b, "version", x->info->version, 0);
}

static void sample(struct buf *b, const char *name, const struct one *x, double v)
{
    buf_printf(b, "%s{", name);
    labels(b, x);
    buf_putc(b, '}');
    metrics_value(b, v);
}

static void write_histogram(struct buf *b, struct serve *serve, struct arena *a,
                            const struct one *x)
{
    struct serve_histogram h;
    if (serve_histogram_get(serve, a, x->st->endpoint, x->info->version, bounds, ARRAY_LEN(bounds),
                            &h))
        return;
    for (size_t i = 0; i <= ARRAY_LEN(bounds); i++) {
        char le[FMT_DOUBLE_MAX] = "+Inf";
        if (i < ARRAY_LEN(bounds))
            (void)fmt_double((double)bounds[i] / 1e9, le);
        buf_puts(b, "slipway_prediction_duration_seconds_bucket{");
        labels(b, x);
        metrics_label(b, "le", le, 0);
        buf_putc(b, '}');
        metrics_value(b, (double)(i < ARRAY_LEN(bounds) ? h.below[i] : h.count));
    }
    sample(b, "slipway_prediction_duration_seconds_sum", x, h.sum_seconds);
    sample(b, "slipway_prediction_duration_seconds_count", x, (double)h.count);
}

void metrics_write_endpoints(struct buf *b, struct serve *serve)
{
    static const struct {
        const char *name, *type, *help;
    } rows[] = {
        { "slipway_endpoint_requests_total", "counter",
          "Prediction requests, by endpoint and version." },
        { "slipway_endpoint_errors_total", "counter",
          "Prediction requests that were refused or failed." },
        { "slipway_predictions_total", "counter", "Rows predicted." },
        { "slipway_endpoint_prediction_mean", "gauge",
          "Mean of the first output since the start." },
    };
    struct arena a;
    struct serve_status *list = NULL;
    arena_init(&a, MIB(64));
    size_t n = serve_status_list(serve, &a, &list);
    struct serve_traffic_info **info = ARENA_TRY_ARRAY(&a, n + 1, struct serve_traffic_info *);
    size_t *info_n = ARENA_TRY_ARRAY(&a, n + 1, size_t);
    for (size_t i = 0; info && info_n && i < n; i++)
        info_n[i] = serve_traffic_get(serve, &a, list[i].endpoint, &info[i]);
    for (size_t k = 0; info && info_n && k <= ARRAY_LEN(rows); k++) {
        if (k < ARRAY_LEN(rows))
            metrics_head(b, rows[k].name, rows[k].type, rows[k].help);
        else
            metrics_head(b, "slipway_prediction_duration_seconds", "histogram",
                         "From the request line to the prediction.");
        for (size_t i = 0; i < n; i++) {
            for (size_t t = 0; t < info_n[i]; t++) {
                struct one x = { &list[i], &info[i][t] };
                const struct serve_traffic_info *f = x.info;
                double values[] = { (double)f->requests, (double)f->errors, (double)f->rows,
                                    f->mean_prediction };
                if (k < ARRAY_LEN(rows))
                    sample(b, rows[k].name, &x, values[k]);
                else
                    write_histogram(b, serve, &a, &x);
            }
        }
    }
    metrics_head(b, "slipway_endpoint_ready", "gauge",
                 "1 when the endpoint answers with the version it is meant to.");
    for (size_t i = 0; i < n; i++) {
        buf_puts(b, "slipway_endpoint_ready{");
        metrics_label(b, "endpoint", list[i].endpoint, 1);
        buf_putc(b, '}');
        metrics_value(b, list[i].version[0] && !list[i].problem[0]);
    }
    arena_fini(&a);
}
