/* SPDX-License-Identifier: Apache-2.0
 * Where the settings of monitors stand: one JSON text an endpoint. */
#include "base/limits.h"
#include "monitor/alert.h"
#include "monitor/monitor.h"
#include "store/rows.h"

MIGRATION(263, "monitor",
          "CREATE TABLE monitor_settings (endpoint TEXT PRIMARY KEY, settings TEXT NOT NULL)");

SQL(monitor_sql_settings_get, "SELECT settings FROM monitor_settings WHERE endpoint = $1");
SQL(monitor_sql_settings_put, "INSERT INTO monitor_settings (endpoint, settings) VALUES ($1, $2)"
                              " ON CONFLICT (endpoint) DO UPDATE SET settings = excluded.settings");
SQL(monitor_sql_settings_delete, "DELETE FROM monitor_settings WHERE endpoint = $1");

int monitor_settings_get(struct tx *tx, struct arena *a, const char *endpoint,
                         struct monitor_settings *out, const char **out_json, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    const char *json = NULL;
    int rc = stmt_open(tx, &monitor_sql_settings_get, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, endpoint);
    rc = rows_text(st, a, &json, err);
    *out = monitor_settings_default();
    if (!rc && json)
        rc = monitor_settings_read(str_of(json), out, err);
    if (out_json)
        *out_json = json;
    return rc;
}

const char *monitor_event_subject(struct arena *a, const struct cause *by, const char *served)
{
    const char *project = cause_project(by);
    size_t n = strlen(project);
    int has_prefix =
        strcmp(project, "default") != 0 && strncmp(served, project, n) == 0 && served[n] == '.';
    return arena_printf(a, "endpoint/%s", has_prefix ? served + n + 1 : served);
}

int monitor_settings_set(struct tx *tx, const struct cause *by, const char *endpoint,
                         const char *json, struct err *err)
{
    struct monitor_settings s;
    struct arena a;
    int rc = json ? monitor_settings_read(str_of(json), &s, err) : 0;
    if (!rc && json)
        rc = tx_exec(tx, &monitor_sql_settings_put, NULL, err, "tt", endpoint, json);
    else if (!rc)
        rc = tx_exec(tx, &monitor_sql_settings_delete, NULL, err, "t", endpoint);
    if (rc)
        return rc;
    arena_init(&a, KIB(16));
    struct event e = event_of(by, "monitor.settings", monitor_event_subject(&a, by, endpoint));
    e.after = json;
    rc = event_add(tx, &e, err);
    arena_fini(&a);
    return rc;
}

/* An endpoint that is made again under the name of a deleted one starts with the defaults; what was
 * judged stays on record. */
static int on_deleted(struct tx *tx, const struct event *e, struct err *err)
{
    struct arena a;
    const struct cause by = { .project = e->project, .actor = e->actor, .reason = e->reason };
    const char *name = strchr(e->subject, '/'), *project = cause_project(&by);
    if (!name)
        return 0;
    arena_init(&a, KIB(16));
    int usual = strcmp(project, "default") == 0;
    const char *served = usual ? name + 1 : arena_printf(&a, "%s.%s", project, name + 1);
    int rc = tx_exec(tx, &monitor_sql_settings_delete, NULL, err, "t", served);
    if (!rc)
        rc = alert_endpoint_gone(tx, &by, served, err);
    arena_fini(&a);
    return rc;
}
EVENT_RULE(monitor_forgets_settings, "endpoint.deleted", on_deleted);
