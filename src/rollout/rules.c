/* SPDX-License-Identifier: Apache-2.0
 * What endpoints ask of changes in the registry, inside the same transaction: a renamed model takes
 * its endpoints along, and what an endpoint is meant to serve is not deleted under it. The history
 * of an endpoint keeps the names of its time. */
#include "base/limits.h"
#include "base/num.h"
#include "codec/json.h"
#include "rollout/endpoint.h"

/* The name in {"name":"…"}; NULL when there is none. */
static const char *name_in(struct arena *a, const char *json)
{
    struct json v;
    if (!json || json_parse(a, str_of(json), NULL, &v, NULL) != 0)
        return NULL;
    return json_get_string(&v, "name", NULL);
}

static int tell_endpoints(struct tx *tx, struct arena *a, const struct event *e, const char *from,
                          const char *to, struct err *err)
{
    struct endpoint_row *list = NULL;
    size_t n = 0;
    int rc = endpoint_list(tx, a, e->project, &list, &n, err);
    for (size_t i = 0; !rc && i < n; i++) {
        if (strcmp(list[i].model, from) != 0)
            continue;
        struct event told = *e;
        told.kind = "endpoint.model_renamed";
        told.subject = arena_printf(a, "endpoint/%s", list[i].name);
        told.before = event_json(a, "model", from, (char *)NULL);
        told.after = event_json(a, "model", to, (char *)NULL);
        rc = event_add(tx, &told, err);
    }
    return rc;
}

static int on_renamed(struct tx *tx, const struct event *e, struct err *err)
{
    struct arena a;
    arena_init(&a, MIB(16));
    const char *from = name_in(&a, e->before), *to = name_in(&a, e->after);
    int rc = from && to ? tell_endpoints(tx, &a, e, from, to, err)
                        : ERR(err, ERR_INTERNAL, "a renaming without names");
    if (!rc)
        rc = endpoint_model_renamed(tx, e->project, from, to, err);
    arena_fini(&a);
    return rc;
}

/* The subject is model/<name> or model/<name>:<version>; names have no colon. */
static int on_deleted(struct tx *tx, const struct event *e, struct err *err)
{
    str_t subject = str_of(e->subject), model, number;
    struct arena a;
    int64_t version = 0;
    ASSERT(str_starts(subject, "model/"));
    subject = (str_t){ subject.p + 6, subject.n - 6 };
    if (!str_cut(subject, ':', &model, &number))
        model = subject;
    else if (parse_i64(number, &version) != 0)
        return ERR(err, ERR_INTERNAL, "'%.300s' names no version", e->subject);
    arena_init(&a, KIB(64));
    int rc =
        endpoint_check_unused(tx, e->project, arena_strndup(&a, model.p, model.n), version, err);
    arena_fini(&a);
    return rc;
}

EVENT_RULE(rollout_renamed, "model.renamed", on_renamed);
EVENT_RULE(rollout_model_deleted, "model.deleted", on_deleted);
EVENT_RULE(rollout_version_deleted, "model_version.deleted", on_deleted);
