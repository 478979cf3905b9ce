/* SPDX-License-Identifier: Apache-2.0
 * What Prometheus gets: the monitor's part of /metrics, OpenMetrics when it asks for it, alerting
 * rules over these names. A scrape reads memory only; features are capped a model. */
#include <math.h>
#include <stdio.h>

#include "api/app.h"
#include "api/metrics.h"
#include "api/tables.h"
#include "base/limits.h"
#include "base/num.h"
#include "monitor/monitor.h"
#include "serve/serve.h"

/* ---- the monitor's metrics ---- */

static void open_labels(struct buf *b, const char *name, const struct monitor_shown *s)
{
    buf_printf(b, "%s{", name);
    metrics_label(b, "endpoint", s->endpoint, 1);
    metrics_label(b, "model", s->model, 0);
    metrics_label(b, "version", s->version, 0);
}

/* Families by feature; the same labels on all, so that rules can compare them. */
static void write_features(struct buf *b, const struct monitor_shown *list, size_t n)
{
    static const char *const names[][2] = {
        { "slipway_feature_drift_score",
          "Statistic of the deciding test of a feature in the newest window." },
        { "slipway_feature_drift_threshold", "What the score is held against, by its sizes." },
        { "slipway_feature_drift_alert", "1 when the feature drifted in 2 of the last 3 windows." },
        { "slipway_feature_missing_ratio", "Share of missing values in the newest window." },
    };
    for (size_t k = 0; k < ARRAY_LEN(names); k++) {
        metrics_head(b, names[k][0], "gauge", names[k][1]);
        for (size_t i = 0; i < n; i++) {
            for (size_t f = 0; f < list[i].n; f++) {
                const struct monitor_shown_feature *x = &list[i].features[f];
                double values[] = { x->score, x->threshold, x->alert, x->missing_ratio };
                open_labels(b, names[k][0], &list[i]);
                metrics_label(b, "feature", x->name, 0);
                metrics_label(b, "method", monitor_method_name(x->method), 0);
                buf_putc(b, '}');
                metrics_value(b, values[k]);
            }
        }
    }
}

static void metric_line(struct buf *b, const char *name, const struct monitor_shown *s,
                        const char *metric, double v)
{
    open_labels(b, name, s);
    metrics_label(b, "metric", metric, 0);
    buf_putc(b, '}');
    metrics_value(b, v);
}

static void write_performance(struct buf *b, const struct monitor_shown *list, size_t n)
{
    static const char realised[] = "slipway_realized_performance",
                      reference[] = "slipway_reference_performance",
                      coverage[] = "slipway_label_coverage_ratio";
    metrics_head(b, realised, "gauge",
                 "Errors of the newest window with labels; rmse_low and rmse_high are its 95 % "
                 "interval.");
    for (size_t i = 0; i < n; i++) {
        const struct monitor_realised *r = &list[i].realised;
        if (!r->labelled)
            continue;
        metric_line(b, realised, &list[i], "rmse", r->rmse);
        metric_line(b, realised, &list[i], "rmse_low", r->low);
        metric_line(b, realised, &list[i], "rmse_high", r->high);
        metric_line(b, realised, &list[i], "mae", r->mae);
        metric_line(b, realised, &list[i], "bias", r->bias);
    }
    metrics_head(b, reference, "gauge", "Errors in the test part that the version came with.");
    for (size_t i = 0; i < n; i++) {
        const struct monitor_performance *p = &list[i].performance;
        if (!p->n)
            continue;
        metric_line(b, reference, &list[i], "rmse", p->rmse);
        metric_line(b, reference, &list[i], "mae", p->mae);
        metric_line(b, reference, &list[i], "bias", p->bias);
    }
    metrics_head(b, coverage, "gauge",
                 "Share of the predictions of the newest window with labels whose truth is known.");
    for (size_t i = 0; i < n; i++) {
        const struct monitor_realised *r = &list[i].realised;
        open_labels(b, coverage, &list[i]);
        buf_putc(b, '}');
        metrics_value(b, r->n ? (double)r->labelled / (double)r->n : 0);
    }
}

static void write_windows(struct buf *b, const struct monitor_shown *list, size_t n)
{
    metrics_head(b, "slipway_monitor_window_rows", "gauge", "Rows of the newest judged window.");
    for (size_t i = 0; i < n; i++) {
        open_labels(b, "slipway_monitor_window_rows", &list[i]);
        buf_putc(b, '}');
        metrics_value(b, (double)list[i].rows);
    }
    metrics_head(b, "slipway_monitor_window_end_timestamp_seconds", "gauge",
                 "End of the newest judged window.");
    for (size_t i = 0; i < n; i++) {
        open_labels(b, "slipway_monitor_window_end_timestamp_seconds", &list[i]);
        buf_putc(b, '}');
        metrics_value(b, (double)list[i].end_ms / 1000);
    }
}

static void write_endpoints(struct buf *b, struct monitor *m, struct arena *a)
{
    static const struct {
        const char *name, *type, *help;
    } rows[] = {
        { "slipway_monitor_last_run_timestamp_seconds", "gauge",
          "When the monitor counted last; 0 before its first turn." },
        { "slipway_monitor_open_window_rows", "gauge", "Rows in the window that is open." },
        { "slipway_predictions_logged_total", "counter", "Requests kept in the log." },
        { "slipway_predictions_dropped_total", "counter",
          "Requests that were not kept in the log: it was full, or the disk was." },
        { "slipway_labels_total", "counter", "True values that were reported." },
        { "slipway_labels_unknown_total", "counter",
          "Of them, those whose prediction was not in the log." },
    };
    const char **names = NULL;
    size_t n = m ? monitor_endpoint_names(m, a, &names) : 0;
    for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
        metrics_head(b, rows[k].name, rows[k].type, rows[k].help);
        for (size_t i = 0; i < n; i++) {
            struct monitor_status st;
            monitor_status_get(m, names[i], &st);
            const double values[] = { (double)st.last_tick_ms / 1000,
                                      (double)st.open_rows,
                                      (double)st.predictions,
                                      (double)st.dropped,
                                      (double)st.labels,
                                      (double)st.labels_unknown };
            buf_printf(b, "%s{", rows[k].name);
            metrics_label(b, "endpoint", names[i], 1);
            buf_putc(b, '}');
            metrics_value(b, values[k]);
        }
    }
}

void metrics_write_monitor(struct buf *b, struct monitor *m)
{
    struct arena a;
    struct monitor_shown *list = NULL;
    arena_init(&a, MIB(64));
    size_t n = m ? monitor_shown_list(m, &a, &list) : 0;
    write_features(b, list, n);
    write_performance(b, list, n);
    write_windows(b, list, n);
    write_endpoints(b, m, &a);
    arena_fini(&a);
}

/* ---- OpenMetrics ---- */

/* A metadata line of a counter names the family, which is the metric without "_total". */
static void put_metadata(struct buf *b, str_t line, int counter)
{
    str_t name, text, rest = { line.p + 7, line.n - 7 };
    if (!str_cut(rest, ' ', &name, &text))
        name = rest;
    if (counter && str_ends(name, "_total"))
        buf_printf(b, "%.*s%.*s%.*s\n", 7, line.p, (int)(name.n - 6), name.p,
                   (int)(rest.n - name.n), name.p + name.n);
    else
        buf_printf(b, "%.*s\n", STR_ARG(line));
}

void metrics_openmetrics(str_t text, struct buf *out)
{
    str_t line, help = { 0 };
    while (text.n) {
        str_t all = text;
        if (!str_cut(all, '\n', &line, &text)) {
            line = all;
            text = (str_t){ 0 };
        }
        if (str_starts(line, "# HELP ")) {
            help = line; /* its type, which comes next, decides how it is written */
        } else if (str_starts(line, "# TYPE ")) {
            int counter = str_ends(line, " counter");
            if (help.n)
                put_metadata(out, help, counter);
            put_metadata(out, line, counter);
            help = (str_t){ 0 };
        } else if (line.n) {
            buf_printf(out, "%.*s\n", STR_ARG(line));
        }
    }
    buf_puts(out, "# EOF\n");
}

/* q of the first part of an Accept header that `matches`; below 0: none. */
static double quality(str_t accept, int (*matches)(str_t type, str_t parameters))
{
    double best = -1;
    while (accept.n) {
        str_t part, type, rest, parameters = { 0 };
        double q = 1;
        if (!str_cut(accept, ',', &part, &rest)) {
            part = accept;
            rest = (str_t){ 0 };
        }
        accept = rest;
        if (!str_cut(part, ';', &type, &parameters))
            type = part;
        for (str_t p = parameters, one; p.n;) {
            if (!str_cut(p, ';', &one, &rest)) {
                one = p;
                rest = (str_t){ 0 };
            }
            p = rest;
            one = str_trim(one);
            if (str_starts(one, "q=") && parse_double((str_t){ one.p + 2, one.n - 2 }, &q))
                q = 0;
        }
        if (matches(str_trim(type), parameters))
            best = MAX(best, q);
    }
    return best;
}

static int is_openmetrics(str_t type, str_t parameters)
{
    return str_is(type, "application/openmetrics-text") &&
           (str_find(parameters, "version=") == SIZE_MAX ||
            str_find(parameters, "version=1.0.0") != SIZE_MAX);
}

static int is_text(str_t type, str_t parameters)
{
    (void)parameters;
    return str_is(type, "text/plain") || str_is(type, "text/*") || str_is(type, "*/*");
}

int metrics_wants_openmetrics(str_t accept)
{
    double open = quality(accept, is_openmetrics), text = quality(accept, is_text);
    return open > 0 && open >= text;
}

/* ---- rules ---- */

static const char rules[] =
    "# Alerting rules over the metrics of slipway, for rule_files of prometheus.yml.\n"
    "groups:\n"
    "  - name: slipway-models\n"
    "    interval: 1m\n"
    "    rules:\n"
    "      - record: model:slipway_feature_drift:ratio\n"
    "        expr: avg by (endpoint, model, version) (slipway_feature_drift_alert)\n"
    "      - alert: SlipwayFeatureDrift\n"
    "        expr: slipway_feature_drift_alert == 1\n"
    "        for: 1m\n"
    "        keep_firing_for: 30m\n"
    "        labels:\n"
    "          severity: warning\n"
    "        annotations:\n"
    "          summary: \"{{ $labels.feature }} of {{ $labels.model }}:{{ $labels.version }} on "
    "{{ $labels.endpoint }} drifted ({{ $labels.method }})\"\n"
    "      - alert: SlipwayModelDecay\n"
    "        expr: >-\n"
    "          slipway_realized_performance{metric=\"rmse_low\"}\n"
    "          > on (endpoint, model, version)\n"
    "          slipway_reference_performance{metric=\"rmse\"} * 1.2\n"
    "        for: 1m\n"
    "        keep_firing_for: 30m\n"
    "        labels:\n"
    "          severity: critical\n"
    "        annotations:\n"
    "          summary: \"{{ $labels.model }}:{{ $labels.version }} on {{ $labels.endpoint }} "
    "errs more than 1.2 times what it was registered with\"\n"
    "      - alert: SlipwayMonitorStale\n"
    "        expr: time() - slipway_monitor_last_run_timestamp_seconds > 300\n"
    "        for: 1m\n"
    "        labels:\n"
    "          severity: warning\n"
    "        annotations:\n"
    "          summary: \"the monitor of {{ $labels.endpoint }} has not counted for 5 minutes\"\n"
    "      - alert: SlipwayPredictionsDropped\n"
    "        expr: increase(slipway_predictions_dropped_total[10m]) > 0\n"
    "        labels:\n"
    "          severity: warning\n"
    "        annotations:\n"
    "          summary: \"predictions of {{ $labels.endpoint }} are not kept in its log\"\n"
    "      - alert: SlipwayEndpointErrors\n"
    "        expr: >-\n"
    "          rate(slipway_endpoint_errors_total[5m])\n"
    "          > 0.05 * rate(slipway_endpoint_requests_total[5m])\n"
    "        for: 5m\n"
    "        labels:\n"
    "          severity: warning\n"
    "        annotations:\n"
    "          summary: \"more than 5 % of the requests of {{ $labels.endpoint }} are refused or "
    "fail\"\n";

static int get_rules(struct request *rq, struct err *err)
{
    (void)err;
    rq->content_type = "application/yaml";
    buf_puts(&rq->out, rules);
    return 0;
}

static const struct route routes[] = {
    { "GET", "/api/v1/prometheus/rules", "metrics.read", get_rules, ROUTE_INLINE, 0,
      "Alerting rules for Prometheus: drift, decay, a stale monitor, a full log, errors.", NULL,
      "application/yaml: A rule file.", "prometheusRules" },
};

const struct route_table prometheus_routes = { "prometheus", routes, ARRAY_LEN(routes),
                                               route_error_native };
