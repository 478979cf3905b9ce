/* SPDX-License-Identifier: Apache-2.0
 * What the files of the monitor share: endpoints with their logs, subjects (a version that is
 * counted) with their open window, windows that ended and wait for the database. */
#pragma once
#include "base/atomic.h"
#include "base/thread.h"
#include "monitor/monitor.h"
#include "serve/serve.h"
#include "store/segment.h"

enum {
    MONITOR_MAGIC = 0x4d4f4e49,
    MONITOR_TICK_RANK = 420,  /* one turn at a time */
    MONITOR_DRAIN_RANK = 430, /* taking from the rings, the lists of endpoints and subjects */
    MONITOR_LIST_RANK = 440,  /* what other threads look up: endpoints, what is touched */
    MONITOR_NAME = 600,
    MONITOR_ENDED_MAX = 2000,  /* windows that wait for the database */
    MONITOR_TOUCHED_MAX = 512, /* beyond, ranges grow together */
};

/* Kinds of records in the logs. */
enum { RECORD_PREDICTIONS = 1, RECORD_LABELS = 2 };
enum { JOURNAL_ADD = 1, JOURNAL_SET, JOURNAL_CLOSED, JOURNAL_ALIVE };

/* An endpoint: its folder, its settings, what waits. Lives as long as the monitor. */
struct monitor_endpoint {
    struct monitor_endpoint *next;
    char *name, *project, *dir;
    struct monitor_settings settings; /* the ticking thread's; others get a copy under `list` */
    struct segment_log *predictions, *labels;

    /* Records on their way to the log, under `drain`. */
    struct buf block;
    uint64_t block_schema;
    int64_t block_from, block_to;
    uint64_t block_n;

    /* Under `list`: times of predictions whose labels changed. */
    struct monitor_range {
        int64_t from_ms, to_ms; /* both included */
    } touched[MONITOR_TOUCHED_MAX];
    size_t touched_n;
    gauge_t labels_ms; /* arrival of the newest label */

    counter_t logged, dropped, labelled, unknown;
    gauge_t skipped, open_start_ms, open_rows;
    int64_t applied_ms; /* labels that came before are in the windows; as far as written down */
    int64_t longest_ms; /* window of any settings that were seen */
    int64_t cut_ms;     /* windows of before end here: their length was changed */
};

/* A version of an endpoint that is counted, with its open window. The ticking thread's; the list
 * and serial, schema and endpoint also under `drain`. */
struct monitor_subject {
    struct monitor_subject *next;
    struct monitor_endpoint *endpoint;
    char *model, *version, *digest;
    uint64_t serial, schema;
    int serves, gone;

    struct arena arena; /* of the reference and of `last` */
    int looked_up;      /* the reference was asked for */
    struct monitor_reference *ref;
    struct monitor_counts *last; /* totals of `serial` up to now */
    uint64_t last_rows;
    int settled; /* cells were read once more after the last change */

    int is_open;
    struct arena window_arena;
    struct monitor_counts *window;
};

/* A window that ended and waits to be judged and written, or that was read back from the journal.
 * Owns its arena; counts of a restored one have a reference of shapes only. */
struct monitor_ended {
    struct monitor_ended *next;
    struct arena arena;
    const char *endpoint, *project, *model, *version, *digest;
    struct monitor_counts *counts;
    int is_judged; /* row and packed stand */
    struct monitor_window row;
    str_t packed;
};

/* A version as /metrics shows it, in memory of its own. Under list_lock. */
struct monitor_shown_node {
    struct monitor_shown_node *next;
    struct arena arena;
    struct monitor_shown shown;
    enum monitor_state last[MONITOR_SHOWN_FEATURES][3]; /* newest first */
    int64_t realised_end_ms; /* of the window that shown.realised is of */
    size_t last_n;
};

struct monitor {
    uint32_t magic;
    struct store *store;
    struct blobs *blobs;
    struct serve *serve;
    char *dir;
    struct lock tick_lock, drain_lock, list_lock;
    struct monitor_endpoint *endpoints;
    struct monitor_subject *subjects;
    struct segment_log *journal;
    int64_t journal_ms;     /* time of the newest record in it */
    int64_t restored_ms;    /* the same at the start: what came after was lost */
    int journal_incomplete; /* something could not be written: begin anew */
    struct monitor_ended *restored, *ended;
    size_t ended_n;
    gauge_t last_tick_ms;
    int64_t steady;                   /* turns since the clock jumped */
    counter_t dropped;                /* records whose ring was full */
    int settings_changed;             /* under wake_lock */
    struct monitor_shown_node *shown; /* newest first, under list_lock */
    int shown_restored;
    char problem[200]; /* under list_lock */

    pthread_t thread, drain_thread;
    int thread_on, drain_on, stop; /* stop under wake_lock */
    struct lock wake_lock;
    struct cond wake;
};

/* files.c */
struct monitor_endpoint *monitor__endpoint(struct monitor *m, const char *name, int make,
                                           struct err *err);
/* What to return when it gave NULL: the code that stands in err. */
static inline int monitor__code(const struct err *err)
{
    return err && err->code ? err->code : ERR_INTERNAL;
} /* NULL: absent, or an error */
/* The list as it is now; what is added later stands before it. */
struct monitor_endpoint *monitor__first(struct monitor *m);
int monitor__folder_endpoint(const char *folder, char out[MONITOR_NAME]); /* its name, or -1 */
void monitor__endpoint_free(struct monitor_endpoint *e);
/* Remembers what a schema hash means: {"model","version","columns"} in the endpoint's folder. */
int monitor__schema_put(struct monitor *m, struct monitor_subject *s, struct err *err) WARN_UNUSED;
void monitor__block_add(struct monitor_endpoint *e, uint64_t schema, const struct watch_record *r);
void monitor__block_flush(struct monitor_endpoint *e, struct monitor *m);
void monitor__problem(struct monitor *m, const char *text);
void monitor__touch(struct monitor *m, struct monitor_endpoint *e, int64_t from_ms, int64_t to_ms);

/* A prediction read back from the log. */
struct monitor_logged {
    unsigned char id[16];
    int64_t time_ms;
    uint64_t schema;
    struct watch_record record; /* values are copied: aligned */
};
struct monitor_scan {
    int64_t from_ms, to_ms; /* from <= time < to */
    /* 0: no prediction between these times is wanted; NULL: all are. */
    int (*wanted)(void *arg, int64_t from_ms, int64_t to_ms);
    int (*fn)(void *arg, const struct monitor_logged *p, struct err *err);
    void *arg;
};
/* Calls fn for each prediction of [from, to), in the order of the log. */
int monitor__predictions(struct monitor_endpoint *e, const struct monitor_scan *scan,
                         struct err *err) WARN_UNUSED;
struct monitor_schema {
    uint64_t hash;
    const char *model, *version;
    size_t columns;
    const str_t *names;
};
/* Of that hash; cached in *list. ERR_NOT_FOUND. */
int monitor__schema_get(const struct monitor_endpoint *e, struct arena *a, uint64_t hash,
                        struct monitor_schema *out, struct err *err) WARN_UNUSED;

/* labels.c: the labels of predictions made in [from, to), sorted by id and row, the newest of each;
 * mem_free. */
int monitor__labels(struct monitor_endpoint *e, int64_t from_ms, int64_t to_ms,
                    struct monitor_label **out, size_t *out_n, struct err *err) WARN_UNUSED;
const struct monitor_label *monitor__label_find(const struct monitor_label *list, size_t n,
                                                const unsigned char id[16], uint32_t row);
int monitor__labels_after(struct monitor *m, struct monitor_endpoint *e, int64_t arrival_ms,
                          struct err *err) WARN_UNUSED; /* touches what came from then on */

/* realised.c */
struct monitor_realised_of {
    const char *model, *version;
    struct monitor_realised realised;
};
/* Of each version that predicted in [from, to); an arena array. *out_labels: labels without a
 * prediction. */
int monitor__realised(struct monitor_endpoint *e, struct arena *a, int64_t from_ms, int64_t to_ms,
                      struct monitor_realised_of **out, size_t *out_n, struct err *err) WARN_UNUSED;
void monitor__realised_pick(const struct monitor_realised_of *list, size_t n, const char *model,
                            const char *version, struct monitor_realised *out);

/* journal.c */
int monitor__journal_open(struct monitor *m, struct err *err) WARN_UNUSED;
int monitor__journal_put(struct monitor *m, int kind, const struct monitor_ended *key,
                         const struct monitor_counts *counts, int64_t now_ms,
                         struct err *err) WARN_UNUSED;
/* Everything that is open or waits, written anew; what was before is dropped. */
int monitor__journal_renew(struct monitor *m, int64_t now_ms, struct err *err) WARN_UNUSED;

/* subject.c */
int monitor__subjects(struct monitor *m, struct err *err) WARN_UNUSED; /* under drain: new ones */
/* Takes what was counted since the last turn into the windows that `at_ms` falls into. */
int monitor__count(struct monitor *m, int64_t at_ms, int64_t now_ms, struct err *err) WARN_UNUSED;
/* Ends windows that do not hold now_ms, opens those of versions that serve. */
int monitor__turn(struct monitor *m, int64_t now_ms, struct err *err) WARN_UNUSED;
void monitor__subject_free(struct monitor_subject *s);
struct monitor_ended monitor__key(const struct monitor_subject *s); /* borrowed, of its window */

/* monitor.c */
int monitor__settings_load(struct monitor *m, struct monitor_endpoint *e,
                           struct err *err) WARN_UNUSED;
/* Takes what was logged into the logs. */
void monitor__drain(struct monitor *m);

/* close.c */
struct monitor_ended *monitor__ended_new(const struct monitor_ended *key,
                                         const struct monitor_counts *counts);
void monitor__ended_free(struct monitor_ended *w);
/* shown.c: a window was judged, or its realised figures changed. */
void monitor__show(struct monitor *m, const struct monitor_window *w,
                   const struct monitor_reference *ref, const struct monitor_verdict *v);
void monitor__show_realised(struct monitor *m, const struct monitor_window *w);
void monitor__show_restore(struct monitor *m); /* once, after a start: from the database */
void monitor__shown_free(struct monitor *m);
/* Judges counts again as they stand in the database. */
int monitor__rejudge(struct monitor *m, struct arena *a, const struct monitor_window *w,
                     struct monitor_reference **out_ref, struct monitor_verdict *out,
                     struct err *err) WARN_UNUSED;

/* Reads how far labels are in the windows; touches what came after. */
void monitor__applied_read(struct monitor *m, struct monitor_endpoint *e);
/* What a window's row keeps of a verdict. */
void monitor__summarise(const struct monitor_reference *ref, const struct monitor_verdict *v,
                        struct arena *a, struct monitor_window *out);
/* Judges and writes what ended, and the windows whose labels changed; tells of it. */
int monitor__write(struct monitor *m, int64_t now_ms, struct err *err) WARN_UNUSED;
