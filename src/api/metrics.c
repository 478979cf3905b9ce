/* SPDX-License-Identifier: Apache-2.0
 * Counters of requests by route, and the Prometheus text format (version 0.0.4). Counting takes no
 * lock: every thread adds to its own stripe, the reader adds the stripes up. */
#include "api/metrics.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/thread.h"

enum { STRIPES = 8, CLASSES = 6, BUCKETS = 14 };

/* Upper bounds in nanoseconds, a 1–2.5–5 series from 50 µs to 1 s, then 10 s; the last is +Inf. */
static const int64_t bounds[BUCKETS - 1] = { 50000,     100000,     250000,     500000,   1000000,
                                             2500000,   5000000,    10000000,   50000000, 100000000,
                                             500000000, 1000000000, 10000000000 };

struct route_counts {
    counter_t classes[CLASSES]; /* by status / 100 */
    counter_t buckets[BUCKETS];
    counter_t sum_ns;
};

static const struct route_table *const *all_tables;
static size_t table_n, route_n;
static size_t *table_first;         /* index of a table's first route */
static struct route_counts *counts; /* STRIPES × (route_n + 1); the last row: no route */

void metrics_init(const struct route_table *const *tables, size_t n)
{
    mem_free(counts);
    mem_free(table_first);
    all_tables = tables;
    table_n = n;
    route_n = 0;
    table_first = mem_alloc((n + 1) * sizeof *table_first);
    for (size_t t = 0; t < n; t++) {
        table_first[t] = route_n;
        route_n += tables[t]->n;
    }
    counts = mem_alloc(STRIPES * (route_n + 1) * sizeof *counts);
}

static size_t row_of(const struct request *rq)
{
    const struct route *r = rq->route;
    for (size_t t = 0; r && t < table_n; t++)
        if (rq->table == all_tables[t])
            return table_first[t] + (size_t)(r - all_tables[t]->routes);
    return route_n;
}

void metrics_request(void *arg, struct request *rq, int64_t ns)
{
    (void)arg;
    if (!counts)
        return;
    struct route_counts *c = &counts[(thread_number() % STRIPES) * (route_n + 1) + row_of(rq)];
    int b = 0;
    while (b < BUCKETS - 1 && ns > bounds[b])
        b++;
    counter_add(&c->classes[MIN(MAX(rq->status / 100, 0), CLASSES - 1)], 1);
    counter_add(&c->buckets[b], 1);
    counter_add(&c->sum_ns, (uint64_t)MAX(ns, 0));
}

/* ---- the text ---- */

void metrics_head(struct buf *b, const char *name, const char *type, const char *help)
{
    buf_printf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void metrics_label(struct buf *b, const char *name, const char *value, int first)
{
    buf_printf(b, "%s%s=\"", first ? "" : ",", name);
    for (const char *p = value; *p; p++) {
        if (*p == '\n')
            buf_puts(b, "\\n");
        else if (*p == '"' || *p == '\\')
            buf_printf(b, "\\%c", *p);
        else
            buf_putc(b, *p);
    }
    buf_putc(b, '"');
}

void metrics_value(struct buf *b, double v)
{
    buf_putc(b, ' ');
    if (isfinite(v) && v == floor(v) && fabs(v) < 1e15)
        buf_i64(b, (int64_t)v);
    else if (isnan(v))
        buf_puts(b, "NaN");
    else if (isinf(v))
        buf_puts(b, v > 0 ? "+Inf" : "-Inf");
    else
        buf_double(b, v);
    buf_putc(b, '\n');
}

void metrics_simple(struct buf *b, const char *name, const char *type, const char *help, double v)
{
    metrics_head(b, name, type, help);
    buf_puts(b, name);
    metrics_value(b, v);
}

struct route_sum {
    uint64_t classes[CLASSES], buckets[BUCKETS], total;
    double seconds;
};

static struct route_sum sum_row(size_t row)
{
    struct route_sum s = { 0 };
    for (size_t k = 0; k < STRIPES; k++) {
        const struct route_counts *c = &counts[k * (route_n + 1) + row];
        for (int i = 0; i < CLASSES; i++)
            s.classes[i] += counter_get(&c->classes[i]);
        for (int i = 0; i < BUCKETS; i++) {
            s.buckets[i] += counter_get(&c->buckets[i]);
            s.total += counter_get(&c->buckets[i]);
        }
        s.seconds += (double)counter_get(&c->sum_ns) / 1e9;
    }
    return s;
}

static void route_labels(struct buf *b, size_t row)
{
    const struct route *r = NULL;
    for (size_t t = 0; t < table_n; t++)
        if (row >= table_first[t] && row < table_first[t] + all_tables[t]->n)
            r = &all_tables[t]->routes[row - table_first[t]];
    metrics_label(b, "method", r ? r->method : "", 1);
    metrics_label(b, "route", r ? r->pattern : "none", 0);
}

static void write_counts(struct buf *b)
{
    metrics_head(b, "slipway_http_requests_total", "counter",
                 "Requests answered, by route and class of status.");
    for (size_t row = 0; row <= route_n; row++) {
        struct route_sum s = sum_row(row);
        for (int i = 0; i < CLASSES; i++) {
            if (!s.classes[i])
                continue;
            char code[4] = { (char)('0' + i), 'x', 'x', '\0' };
            buf_puts(b, "slipway_http_requests_total{");
            route_labels(b, row);
            metrics_label(b, "code", code, 0);
            buf_putc(b, '}');
            metrics_value(b, (double)s.classes[i]);
        }
    }
}

static void write_bucket(struct buf *b, size_t row, const char *le, uint64_t n)
{
    buf_puts(b, "slipway_http_request_duration_seconds_bucket{");
    route_labels(b, row);
    metrics_label(b, "le", le, 0);
    buf_putc(b, '}');
    metrics_value(b, (double)n);
}

static void write_latencies(struct buf *b)
{
    metrics_head(b, "slipway_http_request_duration_seconds", "histogram",
                 "From the request line to the last byte handed to the socket.");
    for (size_t row = 0; row <= route_n; row++) {
        struct route_sum s = sum_row(row);
        uint64_t below = 0;
        if (!s.total)
            continue;
        for (int i = 0; i < BUCKETS; i++) {
            char le[FMT_DOUBLE_MAX] = "+Inf";
            if (i < BUCKETS - 1)
                (void)fmt_double((double)bounds[i] / 1e9, le);
            below += s.buckets[i];
            write_bucket(b, row, le, below);
        }
        buf_puts(b, "slipway_http_request_duration_seconds_sum{");
        route_labels(b, row);
        buf_putc(b, '}');
        metrics_value(b, s.seconds);
        buf_puts(b, "slipway_http_request_duration_seconds_count{");
        route_labels(b, row);
        buf_putc(b, '}');
        metrics_value(b, (double)s.total);
    }
}

int64_t metrics_rss_bytes(void)
{
    char text[256];
    str_t all, size, rest, resident;
    uint64_t pages = 0;
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text) : 0;
    if (fd >= 0)
        (void)close(fd);
    all = (str_t){ text, (size_t)MAX(n, 0) };
    if (str_cut(all, ' ', &size, &rest) && str_cut(rest, ' ', &resident, &rest))
        IGNORE(parse_u64(resident, &pages));
    return (int64_t)pages * sysconf(_SC_PAGESIZE);
}

static int64_t open_files(void)
{
    DIR *d = opendir("/proc/self/fd");
    int64_t n = -3; /* ".", ".." and the folder itself */
    while (d && readdir(d))
        n++;
    if (d)
        (void)closedir(d);
    return MAX(n, 0);
}

static double cpu_seconds(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void metrics_write_http(struct buf *b)
{
    if (!counts)
        return;
    write_counts(b);
    write_latencies(b);
}

void metrics_write_process(struct buf *b, int64_t started_ms)
{
    metrics_head(b, "slipway_build_info", "gauge", "Always 1; the version is a label.");
    buf_puts(b, "slipway_build_info{version=\"" SLIPWAY_VERSION "\"} 1\n");
    metrics_simple(b, "process_resident_memory_bytes", "gauge", "Resident memory.",
                   (double)metrics_rss_bytes());
    metrics_simple(b, "process_open_fds", "gauge", "Open file descriptors.", (double)open_files());
    metrics_simple(b, "process_cpu_seconds_total", "counter", "User and system time.",
                   cpu_seconds());
    metrics_simple(b, "process_start_time_seconds", "gauge", "Start, seconds since 1970.",
                   (double)started_ms / 1000);
}

void metrics_write_listener(struct buf *b, const char *listener, const struct http_stats *st)
{
    static const struct {
        const char *name, *type, *help;
    } rows[] = { { "connections", "gauge", "Connections open now." },
                 { "busy_requests", "gauge", "Requests being read, handled or answered." },
                 { "queued_requests", "gauge", "Requests waiting for a worker." },
                 { "connections_accepted_total", "counter", "Connections accepted." },
                 { "connections_reaped_total", "counter", "Connections cut off by a deadline." } };
    double values[] = { (double)st->connections, (double)st->busy, (double)st->queued,
                        (double)st->accepted, (double)st->reaped };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char metric[96];
        (void)snprintf(metric, sizeof metric, "slipway_%s_%s", listener, rows[i].name);
        metrics_simple(b, metric, rows[i].type, rows[i].help, values[i]);
    }
}
