/* SPDX-License-Identifier: Apache-2.0
 * Progress lines, stage records, failures, warnings. */
#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/fs.h"
#include "project/work_int.h"

enum { FAILURE_MAX = 4000 };

int work_fail(struct work *w, const struct err *err, const char *stage, struct place at,
              int is_config)
{
    if (w->failure.code == 0)
        w->failure =
            (struct work_failure){ err->code, is_config, arena_strdup(w->a, err->msg), stage, at };
    return err->code;
}

int work_failf(struct work *w, int code, const char *stage, struct place at, const char *fmt, ...)
{
    char text[FAILURE_MAX];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (w->failure.code == 0)
        w->failure = (struct work_failure){ code, 0, arena_strdup(w->a, text), stage, at };
    return code;
}

void work_warn(struct work *w, const char *fmt, ...)
{
    char text[400];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    profile_warn(w->a, &w->data.profile, "%s", text);
    (void)fprintf(stderr, "warning: %s\n", text);
}

void work_progress(struct work *w, const struct work_record *r, const char *state,
                   const char *message)
{
    struct buf b;
    struct json_out o;
    buf_init(&b, KIB(64));
    json_out_init(&o, &b);
    jo_object(&o);
    jo_kv_int(&o, "time_ms", clock_now_ms());
    jo_kv_cstr(&o, "stage", r->name);
    jo_kv_cstr(&o, "state", state);
    jo_kv_cstr(&o, "why", r->why);
    jo_kv_double(&o, "ms", r->ms);
    jo_key(&o, "rows");
    if (r->rows_out >= 0)
        jo_int(&o, r->rows_out);
    else
        jo_null(&o);
    jo_kv_cstr(&o, "message", message);
    jo_object_end(&o);
    buf_putc(&b, '\n');
    if (!b.failed &&
        w->progress_fd >= 0) /* one write a line: a reader never sees half of one for long */
        IGNORE(fs_write_all(w->progress_fd, buf_view(&b), "progress.jsonl", NULL));
    buf_fini(&b);
}

struct work_record *work_begin(struct work *w, const char *name, const char *kind,
                               const struct decision *d, const char *key)
{
    ASSERT(w->record_n < WORK_STAGES_MAX);
    struct work_record *r = &w->records[w->record_n++];
    *r = (struct work_record){ .name = name,
                               .kind = kind,
                               .why = d->why,
                               .key = key,
                               .rows_in = -1,
                               .rows_out = -1,
                               .state = d->run ? "running" : "skipped",
                               .ms = -(double)clock_mono_ns() / 1e6 };
    if (d->run) {
        struct work_record shown = *r;
        shown.ms = 0;
        work_progress(w, &shown, "running", NULL);
    }
    return r;
}

void work_end(struct work *w, struct work_record *r, int rc)
{
    r->ms += (double)clock_mono_ns() / 1e6;
    if (rc)
        r->state = "failed";
    else if (strcmp(r->state, "running") == 0)
        r->state = "success";
    if (rc && w->failure.stage == NULL)
        w->failure.stage = r->name;
    work_progress(w, r, r->state, rc ? w->failure.message : NULL);
}
