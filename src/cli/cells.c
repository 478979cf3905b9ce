/* SPDX-License-Identifier: Apache-2.0
 * Values as text: short and readable for people, complete and exact for files. */
#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/num.h"
#include "cli/output.h"

const struct json *out_path(const struct json *v, const char *path)
{
    str_t rest = str_of(path);
    if (!v || rest.n == 0)
        return v;
    if (v->type == JSON_ARRAY) {
        str_t head = rest, tail = { 0 };
        uint64_t i;
        if (!str_cut(rest, '.', &head, &tail))
            head = rest;
        if (parse_u64(head, &i) != 0 || i >= v->n)
            return NULL;
        return tail.n ? out_path(&v->items[i], tail.p) : &v->items[i];
    }
    if (v->type != JSON_OBJECT)
        return NULL;
    const struct json *whole = json_get(v, path);
    if (whole)
        return whole;
    for (size_t i = 0; i < v->n;
         i++) { /* the longest key that the path starts with wins by trying all */
        str_t key = v->members[i].key;
        if (key.n && key.n < rest.n && rest.p[key.n] == '.' && memcmp(rest.p, key.p, key.n) == 0) {
            const struct json *found = out_path(&v->members[i].value, rest.p + key.n + 1);
            if (found)
                return found;
        }
    }
    return NULL;
}

const char *out_number(struct cli *c, double v)
{
    char text[FMT_DOUBLE_MAX];
    (void)fmt_double_digits(v, 4, text);
    return arena_strdup(&c->arena, text);
}

static const char *plural(struct cli *c, int64_t n, const char *unit)
{
    return arena_printf(&c->arena, "%lld %s ago", (long long)n, unit);
}

const char *out_time(struct cli *c, int64_t ms)
{
    int64_t ago = (clock_now_ms() - ms) / 1000;
    char text[CLOCK_TEXT_MAX];
    if (ms <= 0)
        return "-";
    if (ago >= 0 && ago < 5)
        return "just now";
    if (ago >= 0 && ago < 120)
        return plural(c, ago, "s");
    if (ago >= 0 && ago < 7200)
        return plural(c, ago / 60, "min");
    if (ago >= 0 && ago < 48 * 3600)
        return plural(c, ago / 3600, "h");
    if (ago >= 0 && ago < 30 * 86400)
        return plural(c, ago / 86400, "d");
    (void)clock_format(ms, text);
    return arena_strndup(&c->arena, text, 10);
}

const char *out_duration(struct cli *c, double ms)
{
    if (!(ms >= 0))
        return "-";
    if (ms < 1)
        return arena_printf(&c->arena, "%.1f ms", ms);
    if (ms < 1000)
        return arena_printf(&c->arena, "%.0f ms", ms);
    if (ms < 60000)
        return arena_printf(&c->arena, "%.1f s", ms / 1000);
    if (ms < 3600000)
        return arena_printf(&c->arena, "%.0f min %.0f s", floor(ms / 60000),
                            floor(fmod(ms, 60000) / 1000));
    return arena_printf(&c->arena, "%.0f h %.0f min", floor(ms / 3600000),
                        floor(fmod(ms, 3600000) / 60000));
}

const char *out_bytes(struct cli *c, int64_t n)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
    double v = (double)n;
    size_t u = 0;
    while (v >= 1024 && u + 1 < ARRAY_LEN(units)) {
        v /= 1024;
        u++;
    }
    return u ? arena_printf(&c->arena, "%.1f %s", v, units[u])
             : arena_printf(&c->arena, "%lld B", (long long)n);
}

const char *out_interval(struct cli *c, const struct json *metric)
{
    if (!metric || metric->type != JSON_OBJECT)
        return metric ? out_cell(c, metric, CELL_NUMBER, 1) : "-";
    double v = json_as_double(json_get(metric, "value"), NAN);
    double low = json_as_double(json_get(metric, "low"), NAN);
    double high = json_as_double(json_get(metric, "high"), NAN);
    if (isnan(low) || isnan(high))
        return isnan(v) ? "-" : out_number(c, v);
    return arena_printf(&c->arena, "%s [%s, %s]", out_number(c, v), out_number(c, low),
                        out_number(c, high));
}

static const char *json_text(struct cli *c, const struct json *v)
{
    const char *text = json_to_text(&c->arena, v, LIMIT_RESPONSE);
    return text ? text : "";
}

static const char *list_text(struct cli *c, const struct json *v, int people)
{
    struct buf b;
    buf_init(&b, MIB(1));
    for (size_t i = 0; i < v->n; i++) {
        if (i)
            buf_puts(&b, people ? ", " : ",");
        if (v->type == JSON_OBJECT) {
            buf_str(&b, v->members[i].key);
            buf_putc(&b, '=');
            buf_puts(&b, out_cell(c, &v->members[i].value, CELL_NUMBER, people));
            continue;
        }
        const struct json *item = &v->items[i];
        const char *name = json_get_string(item, "name", NULL);
        const char *version = json_get_string(item, "version", NULL);
        if (name)
            buf_printf(&b, "%s%s%s", name, version ? ":" : "", version ? version : "");
        else
            buf_puts(&b, out_cell(c, item, CELL_NUMBER, people));
    }
    const char *text = b.n ? arena_strndup(&c->arena, b.p, b.n) : people ? "-" : "";
    buf_fini(&b);
    return text ? text : "";
}

static const char *number_text(struct cli *c, const struct json *v, int people)
{
    char text[FMT_DOUBLE_MAX];
    if (v->is_integer)
        return arena_printf(&c->arena, "%lld", (long long)v->integer);
    if (people)
        return out_number(c, v->number);
    (void)fmt_double(v->number, text);
    return arena_strdup(&c->arena, text);
}

static const char *time_text(struct cli *c, const struct json *v, int people)
{
    char text[CLOCK_TEXT_MAX];
    int64_t ms = v->is_integer ? v->integer : (int64_t)v->number;
    if (people)
        return out_time(c, ms);
    (void)clock_format(ms, text);
    return arena_strdup(&c->arena, text);
}

const char *out_cell(struct cli *c, const struct json *v, enum cell_kind kind, int people)
{
    if (!v || v->type == JSON_NULL)
        return people ? "-" : "";
    if (v->type == JSON_BOOL)
        return v->boolean ? "true" : "false";
    if (v->type == JSON_STRING) {
        size_t n = kind == CELL_ID && people && v->string.n > 8 ? 8 : v->string.n;
        const char *text = n || !people ? arena_strndup(&c->arena, v->string.p, n) : "-";
        return text ? text : "";
    }
    if (v->type == JSON_OBJECT || v->type == JSON_ARRAY)
        return kind == CELL_TEXT || !people
                   ? (kind == CELL_LIST ? list_text(c, v, people) : json_text(c, v))
                   : list_text(c, v, people);
    if (kind == CELL_TIME)
        return time_text(c, v, people);
    if (people && kind == CELL_DURATION)
        return out_duration(c, v->number);
    if (people && kind == CELL_BYTES)
        return out_bytes(c, (int64_t)v->number);
    return number_text(c, v, people);
}
