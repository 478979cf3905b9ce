/* SPDX-License-Identifier: Apache-2.0
 * Webhooks: rows and their checks, worded as MLflow words them. */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <strings.h>

#include "base/clock.h"
#include "fetch/fetch.h"
#include "registry/registry_int.h"
#include "registry/webhook.h"
#include "registry/webhook_key.h"

#define SEALED                                                                                     \
    "fernet:" /* before the token; what has it not is from before secrets were sealed              \
               */

/* The cursor starts behind what happened before there were webhooks. */
MIGRATION(260, "registry",
          "CREATE TABLE webhooks ("
          " webhook_id TEXT NOT NULL PRIMARY KEY,"
          " name TEXT NOT NULL,"
          " description TEXT,"
          " url TEXT NOT NULL,"
          " events TEXT NOT NULL," /* names with a blank in front of each and one behind the last */
          " status TEXT NOT NULL,"
          " secret TEXT,"
          " created_seq BIGINT NOT NULL,"
          " creation_time_ms BIGINT NOT NULL,"
          " last_update_time_ms BIGINT NOT NULL);"
          "CREATE TABLE webhook_cursor (one BIGINT NOT NULL PRIMARY KEY, seq BIGINT NOT NULL);"
          "INSERT INTO webhook_cursor SELECT 1, COALESCE(MAX(seq), 0) FROM events;"
          "CREATE TABLE webhook_deliveries ("
          " delivery_id TEXT NOT NULL PRIMARY KEY,"
          " webhook_id TEXT NOT NULL,"
          " seq BIGINT NOT NULL,"
          " payload TEXT NOT NULL,"
          " tries BIGINT NOT NULL,"
          " next_ms BIGINT NOT NULL);"
          "CREATE INDEX webhook_deliveries_by_time ON webhook_deliveries (next_ms, seq)");

MIGRATION(261, "registry",
          "CREATE INDEX webhook_deliveries_by_webhook ON webhook_deliveries (webhook_id, next_ms)");

/* mlflow: 1 = it has an event that MLflow has. last_*: of the newest try. */
MIGRATION(290, "registry",
          "ALTER TABLE webhooks ADD COLUMN mlflow BIGINT NOT NULL DEFAULT 1;"
          "ALTER TABLE webhooks ADD COLUMN last_ms BIGINT NOT NULL DEFAULT 0;"
          "ALTER TABLE webhooks ADD COLUMN last_status BIGINT NOT NULL DEFAULT 0;"
          "ALTER TABLE webhooks ADD COLUMN last_error TEXT;"
          "ALTER TABLE webhook_deliveries ADD COLUMN event TEXT");

#define WEBHOOK_COLUMNS                                                                            \
    "webhook_id, name, description, url, events, status, secret, creation_time_ms,"                \
    " last_update_time_ms, last_ms, last_status, last_error,"                                      \
    " (SELECT COUNT(*) FROM webhook_deliveries WHERE webhook_deliveries.webhook_id ="              \
    " webhooks.webhook_id) FROM webhooks"

SQL(webhook_insert,
    "INSERT INTO webhooks (webhook_id, name, description, url, events, status, secret, created_seq,"
    " creation_time_ms, last_update_time_ms, mlflow)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10)");
SQL(webhook_one, "SELECT " WEBHOOK_COLUMNS " WHERE webhook_id = $1");
SQL(webhook_named, "SELECT " WEBHOOK_COLUMNS " WHERE name = $1 OR (webhook_id >= $2"
                   " AND webhook_id < $3) ORDER BY creation_time_ms DESC LIMIT 2");
SQL(webhook_all, "SELECT " WEBHOOK_COLUMNS " WHERE mlflow >= $1"
                 " ORDER BY creation_time_ms DESC, webhook_id DESC LIMIT $2 OFFSET $3");
SQL(webhook_set, "UPDATE webhooks SET name = $1, description = $2, url = $3, events = $4,"
                 " status = $5, secret = $6, last_update_time_ms = $7, mlflow = $8"
                 " WHERE webhook_id = $9");
SQL(webhook_plain, "SELECT webhook_id, secret FROM webhooks WHERE secret IS NOT NULL"
                   " AND secret NOT LIKE 'fernet:%'");
SQL(webhook_set_secret, "UPDATE webhooks SET secret = $1 WHERE webhook_id = $2");
SQL(webhook_remove, "DELETE FROM webhooks WHERE webhook_id = $1");
SQL(webhook_drop_queue, "DELETE FROM webhook_deliveries WHERE webhook_id = $1");

static const char *const event_names[] = {
    "registered_model.created",
    "model_version.created",
    "model_version_tag.set",
    "model_version_tag.deleted",
    "model_version_alias.created",
    "model_version_alias.deleted",
    "prompt.created",
    "prompt_version.created",
    "prompt_tag.set",
    "prompt_tag.deleted",
    "prompt_version_tag.set",
    "prompt_version_tag.deleted",
    "prompt_alias.created",
    "prompt_alias.deleted",
    "budget_policy.exceeded",
};

/* Kinds of the outbox as they are. */
static const char *const own_names[] = {
    "alert.firing",        "alert.resolved",  "rollout.started",
    "rollout.paused",      "rollout.waiting", "rollout.promoted",
    "rollout.rolled_back", "loop.frozen",     "loop.thawed",
};

const char *const *webhook_own_events(size_t *out_n)
{
    *out_n = ARRAY_LEN(own_names);
    return own_names;
}

int webhook_event_is_own(const char *event)
{
    for (size_t i = 0; i < ARRAY_LEN(own_names); i++)
        if (strcmp(event, own_names[i]) == 0)
            return 1;
    return 0;
}

const char *const *webhook_events(size_t *out_n)
{
    *out_n = ARRAY_LEN(event_names);
    return event_names;
}

int webhook_event_is_valid(const char *event)
{
    for (size_t i = 0; i < ARRAY_LEN(event_names); i++)
        if (strcmp(event, event_names[i]) == 0)
            return 1;
    return 0;
}

/* ---- checks ---- */

static int check_name(const char *name, struct err *err)
{
    size_t n = strlen(name);
    int ok =
        n >= 1 && n <= 63 && isalnum((unsigned char)name[0]) && isalnum((unsigned char)name[n - 1]);
    for (size_t i = 0; i < n && ok; i++)
        ok = isalnum((unsigned char)name[i]) || strchr("._-", name[i]);
    return ok ? 0
              : ERR(err, ERR_INVALID,
                    "Webhook name '%.300s' is invalid. It must start and end with a letter or "
                    "digit, be less than 63 characters long, and contain only letters, digits, "
                    "dots (.), underscores (_), and hyphens (-).",
                    name);
}

/* Host of a URL without user, port and brackets. */
static str_t host_of(str_t rest)
{
    size_t n = 0;
    while (n < rest.n && !strchr("/?#", rest.p[n]))
        n++;
    str_t host = { rest.p, n };
    for (size_t i = 0; i < n; i++)
        if (rest.p[i] == '@')
            host = (str_t){ rest.p + i + 1, n - i - 1 };
    if (host.n && host.p[0] == '[') {
        const char *close = memchr(host.p, ']', host.n);
        return close ? (str_t){ host.p + 1, (size_t)(close - host.p) - 1 } : (str_t){ host.p, 0 };
    }
    for (size_t i = 0; i < host.n; i++)
        if (host.p[i] == ':')
            host.n = i;
    return host;
}

/* An address written in the URL is checked here; what a name stands for, when it is called. */
static int is_private_literal(str_t host)
{
    char text[80];
    struct sockaddr_in in4 = { .sin_family = AF_INET };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
    if (host.n >= sizeof text)
        return 0;
    (void)snprintf(text, sizeof text, "%.*s", STR_ARG(host));
    if (strcasecmp(text, "localhost") == 0)
        return 1;
    if (inet_pton(AF_INET, text, &in4.sin_addr) == 1)
        return !fetch_is_public((const struct sockaddr *)&in4);
    if (inet_pton(AF_INET6, text, &in6.sin6_addr) == 1)
        return !fetch_is_public((const struct sockaddr *)&in6);
    return 0;
}

static int is_scheme(str_t given, const char *scheme)
{
    return given.n == strlen(scheme) && strncasecmp(given.p, scheme, given.n) == 0;
}

static int check_url(const char *url, int private_allowed, struct err *err)
{
    str_t u = str_of(url), scheme, rest;
    if (!str_trim(u).n)
        return ERR(err, ERR_INVALID, "Webhook URL cannot be empty or just whitespace: '%.100s'",
                   url);
    if (u.n > WEBHOOK_URL_MAX)
        return ERR(err, ERR_INVALID, "Webhook URL has at most %d bytes", WEBHOOK_URL_MAX);
    for (size_t i = 0; i < u.n; i++)
        if ((unsigned char)u.p[i] <= ' ' || u.p[i] == '\\' || u.p[i] == 0x7f)
            return ERR(err, ERR_INVALID, "Invalid webhook URL '%.200s'", url);
    if (!str_cut(u, ':', &scheme, &rest))
        scheme = (str_t){ "", 0 };
    if (!is_scheme(scheme, "https") && !(private_allowed && is_scheme(scheme, "http")))
        return ERR(err, ERR_INVALID,
                   "Invalid webhook URL scheme: '%.*s'. Allowed schemes are: %shttps.",
                   (int)MIN(scheme.n, 40), scheme.p, private_allowed ? "http, " : "");
    const char *open = memchr(u.p, '[', u.n), *close = memchr(u.p, ']', u.n);
    if (!open != !close || close < open) /* half a bracketed address */
        return ERR(err, ERR_INVALID, "Invalid webhook URL '%.200s': ValueError('Invalid IPv6 URL')",
                   url);
    str_t host =
        str_starts(rest, "//") ? host_of((str_t){ rest.p + 2, rest.n - 2 }) : (str_t){ "", 0 };
    if (!host.n)
        return ERR(err, ERR_INVALID, "Webhook URL must include a hostname: '%.200s'", url);
    if (!private_allowed && is_private_literal(host))
        return ERR(err, ERR_INVALID,
                   "Webhook URL must not resolve to a non-public IP address. Resolved IP: %.*s",
                   STR_ARG(host));
    return 0;
}

static int check(const struct webhook *w, const struct webhook_rules *rules, struct err *err)
{
    int rc = w->name ? check_name(w->name, err) : 0;
    if (!rc && w->url)
        rc = check_url(w->url, rules->private_allowed, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < w->event_n; i++)
        if (!webhook_event_is_valid(w->events[i]) &&
            !(rules->own_allowed && webhook_event_is_own(w->events[i])))
            return ERR(err, ERR_INVALID, "Invalid webhook event: '%.100s'", w->events[i]);
    if (w->status && strcmp(w->status, "ACTIVE") != 0 && strcmp(w->status, "DISABLED") != 0)
        return ERR(err, ERR_INVALID, "Invalid webhook status: '%.40s'", w->status);
    if (w->secret && strlen(w->secret) > WEBHOOK_SECRET_MAX)
        return ERR(err, ERR_INVALID, "Webhook secret has at most %d bytes", WEBHOOK_SECRET_MAX);
    if (w->description && strlen(w->description) > REGISTRY_TEXT_MAX)
        return ERR(err, ERR_INVALID, "Webhook description has at most %d bytes", REGISTRY_TEXT_MAX);
    return 0;
}

/* " a b ": so that " a " is found in it. */
static const char *joined(struct arena *a, const struct webhook *w)
{
    char *text = arena_strdup(a, " ");
    for (size_t i = 0; i < w->event_n; i++)
        if (!strstr(text, arena_printf(a, " %s ", w->events[i])))
            text = arena_printf(a, "%s%s ", text, w->events[i]);
    return text;
}

/* Whether it has an event that MLflow has. */
static int64_t is_of_mlflow(const struct webhook *w)
{
    for (size_t i = 0; i < w->event_n; i++)
        if (webhook_event_is_valid(w->events[i]))
            return 1;
    return 0;
}

static void split(struct arena *a, char *text, struct webhook *w)
{
    str_t rest = str_trim(str_of(text)), word;
    while (rest.n && w->event_n < WEBHOOK_EVENTS_MAX) {
        if (!str_cut(rest, ' ', &word, &rest)) {
            word = rest;
            rest.n = 0;
        }
        w->events[w->event_n++] = arena_strndup(a, word.p, word.n);
    }
}

static void read_webhook(const struct stmt *st, struct arena *a, struct webhook *w)
{
    *w = (struct webhook){
        .id = stmt_get_text(st, 0, a),
        .name = stmt_get_text(st, 1, a),
        .description = stmt_get_text(st, 2, a),
        .url = stmt_get_text(st, 3, a),
        .status = stmt_get_text(st, 5, a),
        .secret = stmt_get_text(st, 6, a),
        .creation_time_ms = stmt_get_int(st, 7),
        .last_update_time_ms = stmt_get_int(st, 8),
        .last_ms = stmt_get_int(st, 9),
        .last_status = stmt_get_int(st, 10),
        .last_error = stmt_get_text(st, 11, a),
        .waiting = stmt_get_int(st, 12),
    };
    split(a, stmt_get_text(st, 4, a), w);
}

/* ---- changes ---- */

static int tell(struct tx *tx, const struct cause *by, const char *kind, const char *id,
                const struct webhook *w, struct err *err)
{
    char subject[80];
    struct arena a;
    arena_init(&a, MIB(1));
    (void)snprintf(subject, sizeof subject, "webhook/%s", id);
    struct event e = event_of(by, kind, subject);
    if (w)
        e.after = event_json(&a, "name", w->name, "url", w->url, "status", w->status, (char *)NULL);
    int rc = event_add(tx, &e, err);
    arena_fini(&a);
    return rc;
}

/* ---- secrets ---- */

static int seal(struct arena *a, const char *data_dir, const char *secret, const char **out,
                struct err *err)
{
    struct fernet_key key;
    *out = NULL;
    if (!secret)
        return 0;
    struct err why = ERR_INIT;
    if (webhook_key_load(data_dir, 1, &key, &why)) /* not the client's fault */
        return ERR(err, ERR_INTERNAL, "the secret cannot be kept: %s", why.msg);
    const char *token = fernet_seal(a, &key, str_of(secret), clock_now_ms() / 1000);
    explicit_bzero(&key, sizeof key);
    *out = token ? arena_printf(a, SEALED "%s", token) : NULL;
    return *out ? 0 : registry__no_memory(err);
}

int webhook_secret(struct arena *a, const char *data_dir, const struct webhook *w, const char **out,
                   struct err *err)
{
    struct fernet_key key;
    str_t plain = { 0 };
    *out = w->secret;
    if (!w->secret || !str_starts(str_of(w->secret), SEALED))
        return 0;
    int rc = webhook_key_load(data_dir, 0, &key, err);
    if (!rc)
        rc = fernet_open(a, &key, str_of(w->secret + strlen(SEALED)), &plain, err);
    explicit_bzero(&key, sizeof key);
    if (rc)
        return err_prefix(err, rc, "the secret of webhook '%s' cannot be read; set it anew",
                          w->name);
    *out = plain.p;
    return 0;
}

int webhook_count_plain(struct tx *tx, int64_t *out, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, &webhook_plain, &st, err);
    *out = 0;
    while (!rc && (rc = stmt_step(st, err)) == 1) {
        ++*out;
        rc = 0;
    }
    return rc;
}

int webhook_seal_plain(struct tx *tx, const char *data_dir, struct err *err)
{
    struct arena a;
    struct webhook *list = NULL;
    size_t n = 0, cap = 0;
    struct stmt *st = NULL;
    arena_init(&a, MIB(64));
    int rc = stmt_open(tx, &webhook_plain, &st, err);
    while (!rc && (rc = stmt_step(st, err)) == 1) {
        list = rows_room(&a, list, n, &cap, sizeof *list);
        rc = list ? 0 : registry__no_memory(err);
        if (!rc)
            list[n++] = (struct webhook){ .id = stmt_get_text(st, 0, &a),
                                          .secret = stmt_get_text(st, 1, &a) };
    }
    stmt_auto(&st);
    for (size_t i = 0; i < n && !rc; i++) {
        const char *sealed;
        rc = seal(&a, data_dir, list[i].secret, &sealed, err);
        if (!rc)
            rc = tx_exec(tx, &webhook_set_secret, NULL, err, "tt", sealed, list[i].id);
    }
    arena_fini(&a);
    return rc;
}

/* ---- rows ---- */

int webhook_create(struct tx *tx, const struct cause *by, const struct webhook *w,
                   const struct webhook_rules *rules, char out_id[UUID_TEXT], struct err *err)
{
    struct arena a;
    int64_t seq = 0;
    if (!w->name || !w->url || !w->event_n)
        return ERR(err, ERR_INVALID,
                   "Webhook events must be a non-empty list of WebhookEvent objects: [].");
    int rc = check(w, rules, err);
    if (!rc)
        rc = event_newest(tx, &seq, err);
    if (rc)
        return rc;
    arena_init(&a, MIB(1));
    uuid7(out_id);
    struct webhook row = *w;
    row.status = w->status ? w->status : "ACTIVE";
    rc = seal(&a, rules->data_dir, w->secret, &row.secret, err);
    if (!rc)
        rc = tx_exec(tx, &webhook_insert, NULL, err,
                     "tttt"
                     "tttiii",
                     out_id, w->name, w->description, w->url, joined(&a, w), row.status, row.secret,
                     seq, tx_now_ms(tx), is_of_mlflow(w));
    arena_fini(&a);
    return rc ? rc : tell(tx, by, "webhook.created", out_id, &row, err);
}

int webhook_get(struct tx *tx, struct arena *a, const char *id, struct webhook *out,
                struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, &webhook_one, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, id);
    rc = stmt_step(st, err);
    if (rc == 0)
        return ERR(err, ERR_NOT_FOUND, "Webhook with ID %.64s not found.", id);
    if (rc == 1)
        read_webhook(st, a, out);
    return MIN(rc, 0);
}

int webhook_find(struct tx *tx, struct arena *a, const char *word, struct webhook *out,
                 struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int by_id = strlen(word) >= 8 && strlen(word) < UUID_TEXT;
    int rc = stmt_open(tx, &webhook_named, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, word);
    stmt_text(st, 2, by_id ? word : "g");
    stmt_text(st, 3, by_id ? arena_printf(a, "%sg", word) : "g");
    rc = stmt_step(st, err);
    if (rc == 0)
        return ERR(err, ERR_NOT_FOUND,
                   "there is no webhook '%.64s': 'slipway monitor notify ls' lists them", word);
    if (rc == 1) {
        read_webhook(st, a, out);
        rc = stmt_step(st, err);
    }
    return rc == 1 ? ERR(err, ERR_CONFLICT,
                         "several webhooks are called '%.64s': write the id of one", word)
                   : rc;
}

int webhook_list(struct tx *tx, struct arena *a, enum webhook_whose whose, int64_t offset,
                 int64_t limit, struct webhook **out, size_t *out_n, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    struct webhook *list = NULL;
    size_t n = 0, cap = 0;
    int rc = stmt_open(tx, &webhook_all, &st, err);
    if (rc)
        return rc;
    stmt_int(st, 1, whose == WEBHOOKS_OF_MLFLOW);
    stmt_int(st, 2, limit);
    stmt_int(st, 3, offset);
    while ((rc = stmt_step(st, err)) == 1) {
        list = rows_room(a, list, n, &cap, sizeof *list);
        if (!list)
            return registry__no_memory(err);
        read_webhook(st, a, &list[n++]);
    }
    *out = list;
    *out_n = n;
    return rc;
}

/* Other events than before; own ones stay when the caller does not know them. */
static int set_events(struct webhook *row, const struct webhook *w,
                      const struct webhook_rules *rules, struct err *err)
{
    struct webhook had = *row;
    memcpy(row->events, w->events, sizeof row->events);
    row->event_n = w->event_n;
    for (size_t i = 0; i < had.event_n && !rules->own_allowed; i++) {
        if (!webhook_event_is_own(had.events[i]))
            continue;
        if (row->event_n == WEBHOOK_EVENTS_MAX)
            return ERR(err, ERR_LIMIT, "a webhook has at most %d events", WEBHOOK_EVENTS_MAX);
        row->events[row->event_n++] = had.events[i];
    }
    return 0;
}

int webhook_update(struct tx *tx, const struct cause *by, const char *id, const struct webhook *w,
                   const struct webhook_rules *rules, struct err *err)
{
    struct arena a;
    struct webhook row;
    const char *sealed = NULL;
    arena_init(&a, MIB(1));
    int rc = webhook_get(tx, &a, id, &row, err);
    if (!rc)
        rc = check(w, rules, err);
    if (!rc)
        rc = seal(&a, rules->data_dir, w->secret, &sealed, err);
    if (!rc && w->event_n)
        rc = set_events(&row, w, rules, err);
    if (!rc) {
        row.name = w->name ? w->name : row.name;
        row.description = w->description ? w->description : row.description;
        row.url = w->url ? w->url : row.url;
        row.status = w->status ? w->status : row.status;
        row.secret = sealed ? sealed : row.secret;
        rc = tx_exec(tx, &webhook_set, NULL, err,
                     "tttt"
                     "ttiit",
                     row.name, row.description, row.url, joined(&a, &row), row.status, row.secret,
                     tx_now_ms(tx), is_of_mlflow(&row), id);
    }
    if (!rc)
        rc = tell(tx, by, "webhook.updated", id, &row, err);
    arena_fini(&a);
    return rc;
}

int webhook_delete(struct tx *tx, const struct cause *by, const char *id, struct err *err)
{
    int64_t n = 0;
    int rc = tx_exec(tx, &webhook_remove, &n, err, "t", id);
    if (!rc && n == 0)
        return ERR(err, ERR_NOT_FOUND, "Webhook with ID %.64s not found.", id);
    if (!rc)
        rc = tx_exec(tx, &webhook_drop_queue, NULL, err, "t", id);
    return rc ? rc : tell(tx, by, "webhook.deleted", id, NULL, err);
}
