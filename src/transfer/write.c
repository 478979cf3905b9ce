/* SPDX-License-Identifier: Apache-2.0
 * Writes what was collected: one transaction for a batch, its journal entries included, then reads
 * it back. A part that our tables do not take is told and left out; the rest goes on. */
#include <stdio.h>

#include "base/limits.h"
#include "codec/json.h"
#include "transfer/import_int.h"

int import_is_refusal(int rc)
{
    return rc == ERR_INVALID || rc == ERR_LIMIT || rc == ERR_EXISTS || rc == ERR_NOT_FOUND ||
           rc == ERR_CONFLICT; /* refers to something that is not there */
}

/* ---- experiments ---- */

static void remember(struct import *im, int64_t foreign, int64_t ours)
{
    int64_t *kept = ARENA_NEW(im->a, int64_t);
    *kept = ours;
    (void)map_put(&im->experiments, str_of(arena_printf(im->a, "%lld", (long long)foreign)), kept);
}

/* Takes the experiment over, or the one of ours that has its name. */
static int place_experiment(struct import *im, struct tx *tx, struct foreign_experiment *e,
                            int64_t *out_id)
{
    struct experiment there = { 0 };
    const char *project = cause_project(&im->o->by);
    int rc = experiment_find(tx, &im->batch, project, e->row.name, &there, NULL);
    if (rc == ERR_NOT_FOUND)
        return experiment_adopt(tx, &im->o->by, &e->row, out_id, im->err);
    if (rc)
        return ERR(im->err, rc, "cannot look for experiment '%.200s'", e->row.name);
    *out_id = there.id;
    if (strcmp(there.lifecycle_stage, e->row.lifecycle_stage) == 0)
        return 0;
    struct experiment other = e->row;
    other.name = arena_printf(&im->batch, "%s (imported)", e->row.name);
    import_differs(im, "experiment '%s' is %s there and %s here: its runs go to '%s'", e->row.name,
                   e->row.lifecycle_stage, there.lifecycle_stage, other.name);
    return experiment_adopt(tx, &im->o->by, &other, out_id, im->err);
}

static int write_experiment(struct import *im, struct tx *tx, struct foreign_experiment *e)
{
    const char *foreign = arena_printf(&im->batch, "%lld", (long long)e->row.id);
    const struct journal_entry *known = journal_find(&im->journal, "experiment", foreign);
    int64_t id = 0;
    if (known)
        return 0; /* mapped when the journal was read */
    int rc = place_experiment(im, tx, e, &id);
    if (import_is_refusal(rc)) {
        import_differs(im, "experiment '%s' is left out: %s", e->row.name, im->err->msg);
        return 0;
    }
    for (size_t i = 0; i < e->tags.n && !rc; i++) {
        rc = experiment_adopt_tag(tx, id, &e->tags.items[i], im->err);
        if (import_is_refusal(rc)) {
            import_differs(im, "experiment '%s': %s", e->row.name, im->err->msg);
            rc = 0;
        }
    }
    struct journal_entry j = { arena_printf(&im->batch, "%lld", (long long)id), 0 };
    if (!rc)
        rc = journal_add(tx, im->source, "experiment", foreign, &j, im->err);
    if (!rc)
        remember(im, e->row.id, id);
    return rc;
}

static int write_experiments(struct tx *tx, void *arg, struct err *err)
{
    struct import *im = arg;
    int rc = 0;
    (void)err;
    for (size_t i = 0; i < im->exps_n && !rc; i++)
        rc = write_experiment(im, tx, &im->exps[i]);
    return rc;
}

int import_write_experiments(struct import *im)
{
    if (!im->exps_n)
        return 0;
    int rc = store_write(im->o->store, write_experiments, im, im->err);
    im->exps_n = im->exps_cap = 0;
    im->exps = NULL;
    if (im->runs_n == 0)
        arena_reset(&im->batch);
    return rc;
}

/* ---- runs ---- */

/* A part was refused: told, and the run goes on without it. */
static int part(struct import *im, struct foreign_run *r, int rc)
{
    if (!import_is_refusal(rc))
        return rc;
    r->left_out++;
    import_differs(im, "run '%s': %s", r->row.id, im->err->msg);
    return 0;
}

static int write_inputs(struct import *im, struct tx *tx, struct foreign_run *r)
{
    int rc = 0;
    for (size_t i = 0; i < r->inputs_n && !rc; i++) {
        char id[UUID_TEXT];
        struct foreign_input *in = &r->inputs[i];
        rc = dataset_put(tx, &im->o->by, &in->dataset, id, im->err);
        if (!rc)
            rc = run_input_add(tx, r->row.id, id, in->context, im->err);
        for (size_t k = 0; k < in->tags.n && !rc; k++)
            rc = run_input_tag_set(tx, r->row.id, id, &in->tags.items[k], im->err);
        rc = part(im, r, rc);
    }
    return rc;
}

static int write_run(struct import *im, struct tx *tx, struct foreign_run *r)
{
    const char *id = r->row.id;
    int rc = run_adopt(tx, &im->o->by, &r->row, im->err);
    if (import_is_refusal(rc)) {
        import_differs(im, "run '%s' is left out: %s", id, im->err->msg);
        return 0;
    }
    for (size_t i = 0; i < r->params.n && !rc; i++)
        rc = part(im, r, run_adopt_param(tx, id, &r->params.items[i], im->err));
    for (size_t i = 0; i < r->tags.n && !rc; i++)
        rc = part(im, r, run_adopt_tag(tx, id, &r->tags.items[i], im->err));
    for (size_t i = 0; i < r->points_n && !rc; i++) {
        struct points *p = &r->points[i];
        rc = part(im, r, metric_log(tx, id, p->key, p->points, p->n, im->err));
    }
    if (!rc)
        rc = write_inputs(im, tx, r);
    for (size_t i = 0; i < r->models_n && !rc; i++)
        rc = part(im, r, run_model_add(tx, id, r->models[i].output, &r->models[i].model, im->err));
    if (!rc)
        rc = run_adopt_end(tx, id, r->deleted_ms, im->err);
    struct journal_entry j = { id, r->digest };
    if (!rc)
        rc = journal_add(tx, im->source, "run", id, &j, im->err);
    r->written = !rc;
    return rc;
}

static int write_runs(struct tx *tx, void *arg, struct err *err)
{
    struct import *im = arg;
    int rc = 0;
    (void)err;
    for (size_t i = 0; i < im->runs_n && !rc; i++)
        rc = write_run(im, tx, &im->runs[i]);
    return rc;
}

static int check_runs(struct tx *tx, void *arg, struct err *err)
{
    struct import *im = arg;
    for (size_t i = 0; i < im->runs_n; i++) {
        struct foreign_run *r = &im->runs[i];
        if (!r->written || r->left_out)
            continue;
        int rc = digest_check(tx, r, err);
        if (rc < 0 && rc != ERR_LIMIT)
            return rc;
        im->r->runs_verified += rc == 1;
        if (rc == 0)
            import_differs(im, "run '%s': what was written is not what the source has", r->row.id);
    }
    return 0;
}

int import_write_runs(struct import *im)
{
    if (!im->runs_n)
        return 0;
    int rc = store_write(im->o->store, write_runs, im, im->err);
    if (!rc)
        rc = store_read(im->o->store, check_runs, im, im->err);
    for (size_t i = 0; i < im->runs_n && !rc; i++)
        im->r->runs_added += im->runs[i].written;
    import_show(im);
    im->runs_n = im->runs_cap = im->batch_points = 0;
    im->runs = NULL;
    arena_reset(&im->batch);
    return rc;
}

/* ---- logged models ---- */

static int part_of_logged(struct import *im, const struct foreign_logged *l, int rc)
{
    if (!import_is_refusal(rc))
        return rc;
    import_differs(im, "logged model '%s': %s", l->row.id, im->err->msg);
    return 0;
}

static int write_one_logged(struct import *im, struct tx *tx, const struct foreign_logged *l)
{
    const char *id = l->row.id;
    int rc = logged_model_adopt(tx, &im->o->by, &l->row, im->err);
    if (rc)
        return part_of_logged(im, l, rc);
    for (size_t i = 0; i < l->params.n && !rc; i++)
        rc = part_of_logged(im, l, logged_model_param_add(tx, id, &l->params.items[i], im->err));
    for (size_t i = 0; i < l->tags.n && !rc; i++)
        rc = part_of_logged(im, l, logged_model_tag_set(tx, id, &l->tags.items[i], im->err));
    for (size_t i = 0; i < l->metrics_n && !rc; i++)
        rc = part_of_logged(im, l, logged_model_metric_log(tx, id, &l->metrics[i], im->err));
    struct journal_entry j = { id, 0 };
    return rc ? rc : journal_add(tx, im->source, "logged", id, &j, im->err);
}

static int write_logged(struct tx *tx, void *arg, struct err *err)
{
    struct import *im = arg;
    int rc = 0;
    (void)err;
    for (size_t i = 0; i < im->logged_n && !rc; i++)
        rc = write_one_logged(im, tx, &im->logged[i]);
    return rc;
}

int import_write_logged(struct import *im)
{
    if (!im->logged_n)
        return 0;
    int rc = store_write(im->o->store, write_logged, im, im->err);
    im->logged_n = im->logged_cap = 0;
    im->logged = NULL;
    arena_reset(&im->batch);
    return rc;
}

/* ---- the registry ---- */

struct model_write {
    struct import *im;
    struct foreign_model *m;
    const char *known_id; /* came from this source before; NULL = new */
    int64_t added;
};

static int part_of_model(struct import *im, const struct foreign_model *m, int rc)
{
    if (!import_is_refusal(rc))
        return rc;
    import_differs(im, "model '%s': %s", m->row.name, im->err->msg);
    return 0;
}

static int write_version(struct model_write *w, struct tx *tx, const char *id,
                         const struct foreign_version *v)
{
    struct import *im = w->im;
    int rc = version_adopt(tx, &im->o->by, id, &v->row, im->err);
    if (rc == ERR_EXISTS && w->known_id)
        return 0;
    if (rc)
        return part_of_model(im, w->m, rc);
    w->added++;
    if (v->storage) {
        struct buf b;
        struct json_out o;
        buf_init(&b, MIB(1));
        json_out_init(&o, &b);
        jo_cstr(&o, v->storage);
        struct version_section s = { "mlflow_storage", b.p };
        rc = b.failed ? 0 : version_adopt_section(tx, id, v->row.number, &s, im->err);
        buf_fini(&b);
    }
    for (size_t i = 0; i < v->tags.n && !rc; i++)
        rc = part_of_model(im, w->m,
                           version_adopt_tag(tx, id, v->row.number, &v->tags.items[i], im->err));
    return rc;
}

static int write_model(struct tx *tx, void *arg, struct err *err)
{
    struct model_write *w = arg;
    struct import *im = w->im;
    struct foreign_model *m = w->m;
    char fresh[UUID_TEXT] = "";
    const char *id = w->known_id;
    int rc = 0;
    (void)err;
    if (!id) {
        rc = model_adopt(tx, &im->o->by, &m->row, fresh, im->err);
        if (import_is_refusal(rc)) {
            import_differs(im, "model '%s' is left out with its versions: %s", m->row.name,
                           im->err->msg);
            return 0;
        }
        id = fresh;
    }
    for (size_t i = 0; i < m->tags.n && !rc && !w->known_id; i++)
        rc = part_of_model(im, m, model_adopt_tag(tx, id, &m->tags.items[i], im->err));
    for (size_t i = 0; i < m->versions_n && !rc; i++)
        rc = write_version(w, tx, id, &m->versions[i]);
    for (size_t i = 0; i < m->aliases_n && !rc && !w->known_id; i++)
        rc = part_of_model(
            im, m, model_adopt_alias(tx, id, m->aliases[i].alias, m->aliases[i].version, im->err));
    struct journal_entry j = { id, m->digest };
    if (!rc && !w->known_id)
        rc = journal_add(tx, im->source, "model", m->row.name, &j, im->err);
    return rc;
}

int import_write_model(struct import *im, struct foreign_model *m)
{
    const struct journal_entry *known = journal_find(&im->journal, "model", m->row.name);
    struct model_write w = { im, m, known ? known->our_id : NULL, 0 };
    m->digest = digest_model(m);
    if (known && known->digest == m->digest)
        return 0;
    int rc = store_write(im->o->store, write_model, &w, im->err);
    if (!rc && known)
        import_differs(im,
                       "model '%s' was changed there since it was imported: %lld new versions are "
                       "taken over, the rest stays as it is here",
                       m->row.name, (long long)w.added);
    return rc;
}
