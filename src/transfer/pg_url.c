/* SPDX-License-Identifier: Apache-2.0
 * postgresql[+driver]://user:password@host:port/name?key=value: cut by hand, since libpq's own
 * messages about a malformed URL repeat it, password and all. */
#include "transfer/pg_url.h"

#include "base/num.h"

#define DEFAULT_PORT "5432"

/* What a query may set; the rest would be a way to run or read things here. */
static const char *const allowed[] = {
    "application_name",
    "channel_binding",
    "connect_timeout",
    "dbname",
    "gssencmode",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "target_session_attrs",
    "user",
};

/* Length of the scheme with "://", 0 when it is none of ours. */
static size_t scheme_length(const char *text)
{
    const char *end = strstr(text, "://");
    str_t s = { text, end ? (size_t)(end - text) : 0 };
    str_t base = s, driver;
    IGNORE(str_cut(s, '+', &base, &driver));
    return str_is(base, "postgresql") || str_is(base, "postgres") ? s.n + 3 : 0;
}

int pg_url_is(const char *text)
{
    return scheme_length(text) > 0;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* NULL when a '%' is not followed by two digits, or stands for NUL. */
static char *decoded(struct arena *a, str_t s)
{
    char *out = arena_strndup(a, s.p ? s.p : "", s.n), *q = out;
    for (size_t i = 0; out && i < s.n; i++) {
        if (s.p[i] != '%') {
            *q++ = s.p[i];
            continue;
        }
        int whole = i + 2 < s.n, high = whole ? hex_digit(s.p[i + 1]) : -1,
            low = whole ? hex_digit(s.p[i + 2]) : -1;
        if (high < 0 || low < 0 || high + low == 0)
            return NULL;
        *q++ = (char)(high * 16 + low);
        i += 2;
    }
    if (out)
        *q = '\0';
    return out;
}

static const char *value_of(const struct pg_url *u, const char *key)
{
    for (size_t i = 0; i < u->n; i++)
        if (strcmp(u->keys[i], key) == 0)
            return u->values[i];
    return NULL;
}

/* The last one counts. */
static int set(struct arena *a, struct pg_url *u, const char *key, str_t text, struct err *err)
{
    const char *value = decoded(a, text);
    size_t at = 0;
    if (!value)
        return ERR(
            err, ERR_INVALID,
            "the %s in the URL of the database is not percent-encoded: write '%%25' for '%%'", key);
    while (at < u->n && strcmp(u->keys[at], key) != 0)
        at++;
    if (at == PG_SETTINGS_MAX)
        return ERR(err, ERR_LIMIT, "the URL of the database has too many settings");
    u->keys[at] = key;
    u->values[at] = value;
    u->n = MAX(u->n, at + 1);
    return 0;
}

static int set_host(struct arena *a, struct pg_url *u, str_t place, struct err *err)
{
    str_t host = place, port = { "", 0 };
    int64_t number;
    if (place.n && place.p[0] == '[') {
        const char *close = memchr(place.p, ']', place.n);
        if (!close)
            return ERR(err, ERR_INVALID, "the URL of the database has a '[' without ']'");
        host = (str_t){ place.p + 1, (size_t)(close - place.p) - 1 };
        port = (str_t){ close + 1, place.n - host.n - 2 };
        if (port.n && port.p[0] == ':')
            port = (str_t){ port.p + 1, port.n - 1 };
    } else {
        IGNORE(str_cut(place, ':', &host, &port));
    }
    if (port.n && (parse_i64(port, &number) != 0 || number < 1 || number > 65535))
        return ERR(err, ERR_INVALID,
                   "the port in the URL of the database is no number from 1 to 65535; special "
                   "characters of a password are written percent-encoded: '%%2F' for '/', '%%40' "
                   "for '@', '%%3A' for ':'");
    int rc = host.n ? set(a, u, "host", host, err) : 0;
    return !rc && port.n ? set(a, u, "port", port, err) : rc;
}

static int set_user(struct arena *a, struct pg_url *u, str_t who, struct err *err)
{
    str_t user = who, password = { NULL, 0 };
    int has_password = str_cut(who, ':', &user, &password);
    int rc = user.n ? set(a, u, "user", user, err) : 0;
    return !rc && has_password ? set(a, u, "password", password, err) : rc;
}

static int set_query(struct arena *a, struct pg_url *u, str_t query, struct err *err)
{
    int rc = 0;
    while (query.n && !rc) {
        str_t pair = query, key, value = { "", 0 };
        if (!str_cut(query, '&', &pair, &query))
            query.n = 0;
        if (!str_cut(pair, '=', &key, &value))
            key = pair;
        size_t i = 0;
        while (i < ARRAY_LEN(allowed) && !str_is(key, allowed[i]))
            i++;
        if (i == ARRAY_LEN(allowed))
            return ERR(err, ERR_INVALID,
                       "the URL of the database sets '%.*s', which is not known here; known are "
                       "host, port, user, password, dbname, options, sslmode, sslrootcert, "
                       "sslcert, sslkey, connect_timeout and a few more of libpq's",
                       (int)MIN(key.n, 40), key.p);
        rc = set(a, u, allowed[i], value, err);
    }
    return rc;
}

static void describe(struct arena *a, struct pg_url *u)
{
    const char *host = value_of(u, "host"), *port = value_of(u, "port"),
               *name = value_of(u, "dbname"), *user = value_of(u, "user"),
               *options = value_of(u, "options");
    if (!host)
        host = value_of(u, "hostaddr") ? value_of(u, "hostaddr") : "localhost";
    u->password = value_of(u, "password");
    u->shown = arena_printf(
        a, strchr(host, ':') ? "postgresql://[%s]:%s/%s%s%s" : "postgresql://%s:%s/%s%s%s", host,
        port ? port : DEFAULT_PORT,
        name   ? name
        : user ? user
               : "",
        options ? " " : "", options ? options : "");
}

int pg_url_parse(struct arena *a, const char *text, struct pg_url *out, struct err *err)
{
    size_t skip = scheme_length(text), n;
    str_t rest = str_of(text + skip), authority, path, query = { "", 0 };
    *out = (struct pg_url){ 0 };
    if (!skip || strlen(text) > 4000)
        return ERR(err, ERR_INVALID, "this is no postgresql:// URL");
    n = strcspn(rest.p, "/?#");
    authority = (str_t){ rest.p, n };
    rest = (str_t){ rest.p + n, rest.n - n };
    n = strcspn(rest.p, "?#");
    path = (str_t){ rest.p, n };
    if (rest.p[n] == '?')
        query = (str_t){ rest.p + n + 1, strcspn(rest.p + n + 1, "#") };
    for (size_t i = authority.n; i-- > 0;)
        if (authority.p[i] == '@') {
            int rc = set_user(a, out, (str_t){ authority.p, i }, err);
            if (rc)
                return rc;
            authority = (str_t){ authority.p + i + 1, authority.n - i - 1 };
            break;
        }
    int rc = set_host(a, out, authority, err);
    if (!rc && path.n > 1)
        rc = set(a, out, "dbname", (str_t){ path.p + 1, path.n - 1 }, err);
    if (!rc)
        rc = set_query(a, out, query, err);
    if (!rc)
        describe(a, out);
    return !rc && !out->shown ? ERR(err, ERR_NOMEM, "not enough memory for a URL") : rc;
}
