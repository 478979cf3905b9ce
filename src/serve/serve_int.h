/* SPDX-License-Identifier: Apache-2.0
 * Structures that the files of serve/ share. */
#pragma once
#include "base/atomic.h"
#include "base/map.h"
#include "base/thread.h"
#include "infer/predictor.h"
#include "serve/epoch.h"
#include "serve/serve.h"

enum {
    SERVE_MAGIC = 0x53525645,
    VERSION_MAGIC = 0x53565253,
    TRAFFIC_STRIPES = 8,
    TRAFFIC_BUCKETS = 96,
    TRAFFIC_KEPT = 16, /* versions of an endpoint whose counters are kept */
};

struct serve_version {
    uint32_t magic;
    int refs; /* endpoints that hold it, under serve->lock */
    struct arena arena;
    const char *model, *version, *digest;
    struct predictor *predictor;
    struct serve_column *columns; /* in signature order */
    size_t column_n;
    struct map by_name;     /* column name → index + 1 */
    const char **names;     /* of the columns, for did-you-mean */
    const char *names_text; /* "age, sex, …", cut at some length */
    size_t *offsets;        /* of a column in a row of the input block, in 8-byte words */
    size_t row_words;       /* 8-byte words of one input row */
    size_t input_n;
    struct serve_output *outputs;
    size_t output_n, output_width;
    int64_t loaded_ms;
};

/* Counters of one version of one endpoint. Stripes are added to by predictions; the rest is the
 * merger's, under serve->stats_lock. */
struct traffic {
    struct traffic *next; /* newest first */
    char version[32];
    struct traffic_stripe {
        counter_t requests, errors, rows, sum_ns;
        sum_t predictions;
        counter_t buckets[TRAFFIC_BUCKETS];
        char pad[64];
    } stripes[TRAFFIC_STRIPES];
    struct traffic_total {
        uint64_t requests, errors, rows, sum_ns;
        double predictions;
        uint64_t buckets[TRAFFIC_BUCKETS];
    } last; /* at the last merge */
    struct traffic_second {
        uint64_t requests, errors;
        uint32_t buckets[TRAFFIC_BUCKETS];
    } ring[SERVE_RING];
};

/* The writers' view of an endpoint, under serve->lock. */
struct endpoint {
    struct endpoint *next;
    char *name;
    struct serve_version *active, *previous;
    struct traffic *traffic;
    char wanted[32];
    char problem[480];
    uint64_t changed; /* order of the last publish */
    int64_t since_ms;
};

/* The readers' view: immutable once published. */
struct table_entry {
    const char *name;
    uint64_t changed;
    struct serve_version *active, *previous;
    struct traffic *active_traffic, *previous_traffic;
};

struct table {
    struct table_entry *entries;
    size_t n;
    struct map endpoints; /* name → entry */
    struct map models;    /* model → the entry that changed last */
    struct map problems;  /* name of an endpoint that serves nothing → why; entries owned */
};

struct serve {
    uint32_t magic;
    cell_t table; /* struct table *; never NULL */
    struct epoch epoch;
    struct lock lock; /* writers: the list of endpoints */
    struct endpoint *endpoints;
    size_t endpoint_n;
    uint64_t changes;
    struct lock stats_lock; /* rings; lists of traffic change under both locks */
    int64_t ring_second;    /* of the newest slot, 0 = none yet */
    pthread_t thread;
    int thread_on;
    flag_t stop;
    struct lock tick_lock;
    struct cond tick;
};

/* input.c: fills the input block from the body; *out_columns: one pointer a column. */
int serve__read_body(struct serve_call *c, const struct serve_version *v, void ***out_columns,
                     int *out_missing, struct err *err) WARN_UNUSED;
/* predict.c: reads the body, runs the predictor; everything lands in c->arena. */
int serve__run(struct serve_call *c, const struct serve_version *v, struct err *err) WARN_UNUSED;
const char *serve__form_name(enum serve_form form);
/* table.c */
struct endpoint *serve__endpoint(struct serve *s,
                                 const char *name); /* under lock; NULL when absent */
/* traffic.c */
struct traffic *traffic__find(struct endpoint *e, const char *version); /* NULL when absent */
void traffic__count(struct traffic *t, const struct serve_call *c, int64_t ns, int failed);
struct traffic_total traffic__total(const struct traffic *t);
int traffic__bucket(int64_t ns);
int64_t traffic__bucket_end(int bucket);
