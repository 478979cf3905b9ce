/* SPDX-License-Identifier: Apache-2.0
 * Giving a version that was logged without one a model file that can be served. */
#include "registry/registry_int.h"

SQL(attach_row, "UPDATE versions SET digest = $1, files_digest = $2, bytes = $3,"
                " last_update_time_ms = $4 WHERE model_id = $5 AND version = $6");
SQL(attach_clear,
    "DELETE FROM version_sections WHERE model_id = $1 AND version = $2 AND section = $3");
SQL(attach_section,
    "INSERT INTO version_sections (model_id, version, section, json) VALUES ($1, $2, $3, $4)");

/* Sections of what was attached before go, also those that the new file does not have. */
static int replace_sections(struct tx *tx, const struct version *v, const struct version_model *m,
                            struct err *err)
{
    int rc = 0;
    for (size_t i = 0; !rc && i < m->section_n; i++) {
        const struct version_section *s = &m->sections[i];
        rc = tx_exec(tx, &attach_clear, NULL, err, "tit", v->model_id, v->number, s->name);
        if (!rc && s->json)
            rc = tx_exec(tx, &attach_section, NULL, err, "titt", v->model_id, v->number, s->name,
                         s->json);
    }
    return rc;
}

int version_attach(struct tx *tx, const struct cause *by, const struct version *v,
                   const struct version_model *m, struct err *err)
{
    struct arena a;
    const char *attached = NULL;
    arena_init(&a, MIB(64));
    int rc = version_section(tx, &a, v, "conversion", &attached, err);
    if (!rc && v->digest && !attached)
        rc =
            ERR(err, ERR_CONFLICT,
                "version %lld of model '%s' came with a model file of its own; nothing is attached",
                (long long)v->number, v->model);
    if (!rc)
        rc = tx_exec(tx, &attach_row, NULL, err, "ttiiti", m->digest, m->files_digest, m->bytes,
                     tx_now_ms(tx), v->model_id, v->number);
    if (!rc)
        rc = replace_sections(tx, v, m, err);
    if (!rc)
        rc = registry__tell(
            tx, by, v->model, v->number,
            &(struct event){ .kind = "model_version.converted",
                             .before = event_json(&a, "digest", v->digest, (char *)NULL),
                             .after = event_json(&a, "digest", m->digest, (char *)NULL) },
            err);
    arena_fini(&a);
    return rc;
}
