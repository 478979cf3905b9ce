/* SPDX-License-Identifier: Apache-2.0
 * Alerts of one endpoint: rules over its windows, the state each rule is in, the episodes in which
 * one fired, silences.
 *
 * A rule is an expression that a window makes true or false, or leaves open (too few rows, no
 * labels yet). Its state follows from the newest windows that decide it: k of k + 1 true fires
 * (`for`, 2 of 3 unless said), some but fewer warn, and once fired it stays until `keep_firing_for`
 * windows in a row were false. One rule has at most one open episode, whatever number of windows
 * and features it speaks of. Rules in JSON have Prometheus's words:
 *   [{"alert":"Decay","expr":"rmse_low > reference.rmse_high","for":2,"keep_firing_for":2,
 *     "severity":"critical","labels":{…},"annotations":{"summary":"…"}}]
 * `for` and `keep_firing_for` are numbers of windows, or times such as "2h".
 *
 * Endpoints go by the name that serves. Functions with a struct tx run inside a transaction,
 * results live in the caller's arena; any thread. */
#pragma once
#include "codec/condition.h"
#include "monitor/reference.h"
#include "monitor/window.h"

enum { ALERT_RULES_MAX = 64, ALERT_WINDOWS = 12 };

struct alert_rule {
    const char *name;
    const char *text; /* of the expression */
    struct expr *expr;
    int64_t for_windows, for_ms;   /* one of them, the other 0 */
    int64_t keep_windows, keep_ms; /* likewise */
    const char *severity;          /* "warning", "critical", … */
    const char *labels;            /* JSON object */
    const char *annotations;       /* JSON object */
    const char *summary;           /* of the annotations, or NULL */
};

/* json NULL or empty: the defaults. ERR_INVALID names rule and member. */
int alert_rules_read(struct arena *a, const char *json, struct alert_rule **out, size_t *out_n,
                     struct err *err) WARN_UNUSED;
/* Every member, as JSON that alert_rules_read takes. */
void alert_rules_write(const struct alert_rule *rules, size_t n, struct json_out *o);

/* A name that an expression may use. */
struct alert_value {
    const char *name, *prose;
};
const struct alert_value *alert_value_at(size_t i); /* NULL past the last */
/* Its value in a window, with what is known of the reference (ref NULL: nothing). NaN = open. */
double alert_value_of(const struct monitor_window *w, const struct monitor_performance *ref,
                      const char *name);

enum alert_state {
    ALERT_INSUFFICIENT,
    ALERT_OK,
    ALERT_WARNING,
    ALERT_FIRING,
    ALERT_ACKNOWLEDGED,
    ALERT_RESOLVED /* was firing until the window before */
};
/* "insufficient_data", "ok", "warning", "firing", "acknowledged", "resolved". */
const char *alert_state_name(enum alert_state s);
int alert_state_of(const char *name, enum alert_state *out);

/* Pure: the state after these outcomes (1 true, 0 false, -1 open), newest first. window_ms > 0
 * turns times into numbers of windows. */
enum alert_state alert_next(const struct alert_rule *rule, int64_t window_ms,
                            enum alert_state before, const signed char *outcomes, size_t n);

/* ---- the record ---- */

int alert_rules_get(struct tx *tx, struct arena *a, const char *endpoint, struct alert_rule **out,
                    size_t *out_n, struct err *err) WARN_UNUSED;
/* Keeps rules (checked); NULL goes back to the defaults. */
int alert_rules_set(struct tx *tx, const struct cause *by, const char *endpoint, const char *json,
                    struct err *err) WARN_UNUSED;

/* What a rule says now. */
struct alert_now {
    const char *endpoint, *rule;
    enum alert_state state;
    int64_t since_ms;     /* in this state */
    int64_t window_ms;    /* start of the newest window that decided, 0 = none */
    const char *alert_id; /* of the open episode, or NULL */
    const char *model, *version;
    const char *message; /* of the newest window that decided: "rmse_low 61 > … 58" */
};

/* One time in which a rule fired. */
struct alert_row {
    const char *id; /* UUIDv7 */
    const char *endpoint, *rule, *severity;
    enum alert_state state; /* firing, acknowledged, resolved */
    const char *model, *version;
    int64_t started_ms, updated_ms, ended_ms; /* 0 = open */
    int64_t window_ms; /* start of the first window of those that made it fire */
    const char *summary, *message;
    const char *labels, *annotations;
    const char *features; /* JSON array of names, for rules about drift; or NULL */
    int silenced;         /* when it began */
    const char *acked_by, *note;
    int64_t acked_ms;
};

int alert_now_list(struct tx *tx, struct arena *a, const char *endpoint, struct alert_now **out,
                   size_t *out_n, struct err *err) WARN_UNUSED;
/* Newest first; endpoint NULL = all, open_only: without an end. */
int alert_list(struct tx *tx, struct arena *a, const char *endpoint, int open_only, int64_t limit,
               struct alert_row **out, size_t *out_n, struct err *err) WARN_UNUSED;
/* By id or its beginning (8 or more letters). ERR_NOT_FOUND. */
int alert_get(struct tx *tx, struct arena *a, const char *id, struct alert_row *out,
              struct err *err) WARN_UNUSED;
/* ERR_CONFLICT when it is resolved. Acknowledged again: the newer note holds. */
int alert_acknowledge(struct tx *tx, const struct cause *by, const char *id, const char *note,
                      struct err *err) WARN_UNUSED;

struct alert_silence {
    const char *id;
    const char *endpoint, *rule; /* rule NULL = all of the endpoint */
    int64_t created_ms, until_ms;
    const char *actor, *reason;
};
/* out->id is assigned. ERR_INVALID: until is not ahead. */
int alert_silence_add(struct tx *tx, const struct cause *by, struct alert_silence *s,
                      struct err *err) WARN_UNUSED;
/* In force at that time. */
int alert_silence_list(struct tx *tx, struct arena *a, const char *endpoint, int64_t now_ms,
                       struct alert_silence **out, size_t *out_n, struct err *err) WARN_UNUSED;
int alert_silence_remove(struct tx *tx, const struct cause *by, const char *id,
                         struct err *err) WARN_UNUSED;
/* The endpoint was deleted: its open episodes are resolved, its rules and silences forgotten. */
int alert_endpoint_gone(struct tx *tx, const struct cause *by, const char *endpoint,
                        struct err *err) WARN_UNUSED;

/* ---- the judge ---- */

/* Whose windows are looked at: those of the version that serves. */
struct alert_subject {
    const char *endpoint; /* serving name */
    const char *project, *model, *version;
    int64_t window_ms;
    const struct monitor_reference *reference; /* of that version; NULL = none */
    int partial; /* another version has a share of the requests: numbers of rows say nothing */
};
/* Brings every rule of the endpoint in line with its windows and tells of what changed: events
 * alert.firing and alert.resolved of the subject endpoint/<name>. Reads first and writes only when
 * something changed. *out_changes: rules whose state moved. */
int alert_evaluate(struct store *s, const struct alert_subject *subject, int64_t now_ms,
                   size_t *out_changes, struct err *err) WARN_UNUSED;
