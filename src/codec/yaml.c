/* SPDX-License-Identifier: Apache-2.0
 * Builds the tree from libyaml's events. Nothing of libyaml outlives yaml_parse. An alias shares
 * the node it names; depth and size of a node count what is behind aliases, so the caps hold for a
 * walk. */
#include "codec/yaml.h"

#include <stdarg.h>
#include <stdio.h>
#include <yaml.h>

#include "base/limits.h"
#include "base/map.h"

struct anchor {
    str_t name;
    struct yaml_node *node;
};

struct reader {
    yaml_parser_t parser;
    struct arena *arena;
    str_t text;
    struct yaml_document *doc;
    struct anchor anchors[LIMIT_YAML_ALIASES];
    size_t anchor_n, alias_n;
    int rc; /* ERR_LIMIT when a cap was hit, else ERR_INVALID */
};

static int read_node(struct reader *r, const yaml_event_t *e, int depth, struct yaml_node **out);

static void report(struct reader *r, enum yaml_problem_kind kind, struct yaml_place place,
                   const char *text, const char *help)
{
    struct yaml_document *d = r->doc;
    d->error_n += kind != YAML_SPELLING;
    if (d->problem_n < YAML_PROBLEMS_MAX)
        d->problems[d->problem_n++] = (struct yaml_problem){ kind, place, { 0, 0, 0 }, text, help };
}

/* Reports and says that reading cannot go on. */
static int fail(struct reader *r, enum yaml_problem_kind kind, struct yaml_place place,
                const char *text, const char *help)
{
    report(r, kind, place, text, help);
    r->rc = kind == YAML_TOO_LARGE ? ERR_LIMIT : ERR_INVALID;
    return r->rc;
}

static struct yaml_place place_of(yaml_mark_t from, yaml_mark_t to)
{
    size_t length = to.line == from.line && to.column > from.column ? to.column - from.column : 1;
    return (struct yaml_place){ (int)from.line + 1, (int)from.column + 1, (int)length };
}

static str_t line_of(str_t text, size_t line)
{
    str_t rest = text, head = text;
    for (size_t i = 0; i <= line; i++) {
        if (!str_cut(rest, '\n', &head, &rest)) {
            head = rest;
            if (i < line)
                return (str_t){ "", 0 };
        }
    }
    return head;
}

static int next_event(struct reader *r, yaml_event_t *e);

/* The last line up to `line` that is indented by a tab, or SIZE_MAX. */
static size_t line_with_tab(str_t text, size_t line)
{
    str_t rest = text, head;
    size_t found = SIZE_MAX;
    for (size_t i = 0; i <= line && str_cut(rest, '\n', &head, &rest); i++) {
        size_t k = 0;
        while (k < head.n && head.p[k] == ' ')
            k++;
        if (k < head.n && head.p[k] == '\t')
            found = i;
    }
    return found;
}

static int explain_tab(struct reader *r, size_t line)
{
    size_t at = line_with_tab(r->text, line + 1);
    if (at == SIZE_MAX)
        return 0;
    str_t s = line_of(r->text, at);
    const char *tab = memchr(s.p, '\t', s.n);
    struct yaml_place place = { (int)at + 1, (int)(tab - s.p) + 1, 1 };
    (void)fail(r, YAML_TAB, place,
               "this line is indented with a tab; YAML allows only spaces there",
               "set the editor to insert spaces, two for each level");
    return 1;
}

/* ${…} without quotes inside { } or [ ]: YAML takes its brace for a new map. */
static int explain_dollar(struct reader *r, yaml_mark_t mark)
{
    for (size_t back = 0; back < 2 && back <= mark.line; back++) {
        str_t s = line_of(r->text, mark.line - back);
        size_t at = str_find(s, "${");
        if (at == SIZE_MAX || (at > 0 && (s.p[at - 1] == '"' || s.p[at - 1] == '\'')))
            continue;
        const char *end = memchr(s.p + at, '}', s.n - at);
        size_t bytes = end ? (size_t)(end - s.p) - at + 1 : 2;
        struct yaml_place place = { (int)(mark.line - back) + 1,
                                    (int)str_width((str_t){ s.p, at }) + 1, (int)bytes };
        (void)fail(
            r, YAML_DOLLAR, place,
            "inside { } or [ ] a reference needs quotes, because YAML reads its brace as a map",
            arena_printf(r->arena, "write \"%.*s\"", (int)bytes, s.p + at));
        return 1;
    }
    return 0;
}

static int explain_colon(struct reader *r, const char *problem, struct yaml_place place)
{
    if (!strstr(problem, "mapping values are not allowed"))
        return 0;
    (void)fail(r, YAML_SYNTAX, place,
               "a `:` cannot stand here: the line above or this value already has one",
               "check the indentation, or put a text that contains `: ` in quotes");
    return 1;
}

static int syntax_error(struct reader *r)
{
    const yaml_parser_t *p = &r->parser;
    const char *problem = p->problem ? p->problem : "bad YAML";
    int in_flow = p->context && strstr(p->context, "flow");
    struct yaml_place place = place_of(p->problem_mark, p->problem_mark);
    if (p->error == YAML_MEMORY_ERROR)
        return fail(r, YAML_TOO_LARGE, place, "not enough memory to read the file", NULL);
    if (p->error == YAML_READER_ERROR)
        return fail(r, YAML_SYNTAX, (struct yaml_place){ 1, 1, 1 },
                    "the file contains a character that YAML does not allow",
                    "remove control characters");
    if (strstr(problem, "exceeded maximum"))
        return fail(r, YAML_TOO_LARGE, place, "the file is nested too deeply", NULL);
    if ((in_flow && explain_dollar(r, p->problem_mark)) || explain_tab(r, p->problem_mark.line) ||
        explain_colon(r, problem, place))
        return r->rc;
    if (in_flow)
        return fail(r, YAML_SYNTAX, place_of(p->context_mark, p->context_mark),
                    "this bracket is not closed, or a comma is missing before the next item", NULL);
    if (p->context)
        return fail(r, YAML_SYNTAX, place,
                    arena_printf(r->arena, "not valid YAML: %s %s", p->context, problem),
                    "check the indentation of this line against its neighbours");
    return fail(r, YAML_SYNTAX, place, arena_printf(r->arena, "not valid YAML: %s", problem), NULL);
}

static int next_event(struct reader *r, yaml_event_t *e)
{
    if (yaml_parser_parse(&r->parser, e))
        return 0;
    return syntax_error(r);
}

static struct yaml_node *node_new(struct reader *r, enum yaml_kind kind, const yaml_event_t *e)
{
    struct yaml_node *n = ARENA_NEW(r->arena, struct yaml_node);
    n->kind = kind;
    n->place = place_of(e->start_mark, e->end_mark);
    n->depth = n->size = 1;
    return n;
}

static int read_scalar(struct reader *r, const yaml_event_t *e, struct yaml_node **out)
{
    const char *tag = (const char *)e->data.scalar.tag;
    struct yaml_node *n = node_new(r, YAML_IS_STRING, e);
    n->text =
        arena_str(r->arena, (str_t){ (const char *)e->data.scalar.value, e->data.scalar.length });
    if (!n->text.p)
        return fail(r, YAML_TOO_LARGE, n->place, "the file is too large", NULL);
    if (n->text.n && memchr(n->text.p, '\0', n->text.n))
        return fail(r, YAML_UNSUPPORTED, n->place, "a text contains a NUL byte", NULL);
    n->quoted = e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    if (tag && strcmp(tag, "tag:yaml.org,2002:str") == 0)
        n->quoted = 1;
    else if (tag && strcmp(tag, "!") != 0)
        report(r, YAML_UNSUPPORTED, n->place, "tags such as !!int are not used in this file",
               "leave the tag out");
    yaml_resolve(n);
    const char *text, *help;
    if (yaml_spelling(r->arena, n, &text, &help))
        report(r, YAML_SPELLING, n->place, text, help);
    *out = n;
    return 0;
}

/* Room for one more element of `size` bytes; NULL past the arena's cap. */
static void *room(struct reader *r, void *items, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return items;
    size_t more = *cap ? *cap * 2 : 4;
    void *grown = arena_try_alloc(r->arena, more, size);
    if (grown && n)
        memcpy(grown, items, n * size);
    *cap = more;
    return grown;
}

static int grow_with(struct reader *r, struct yaml_node *parent, const struct yaml_node *child)
{
    parent->depth = MAX(parent->depth, child->depth + 1);
    parent->size += child->size;
    if (parent->depth > LIMIT_YAML_DEPTH)
        return fail(r, YAML_TOO_LARGE, child->place, "the file is nested too deeply", NULL);
    if (parent->size > LIMIT_YAML_NODES)
        return fail(r, YAML_TOO_LARGE, child->place,
                    "the file has too many values, counting what aliases repeat", NULL);
    return 0;
}

static int read_list(struct reader *r, struct yaml_node *list, int depth)
{
    size_t cap = 0;
    for (;;) {
        yaml_event_t e;
        if (next_event(r, &e))
            return r->rc;
        int end = e.type == YAML_SEQUENCE_END_EVENT, rc = 0;
        if (!end) {
            list->items = room(r, list->items, list->n, &cap, sizeof *list->items);
            rc = list->items ? read_node(r, &e, depth, &list->items[list->n])
                             : fail(r, YAML_TOO_LARGE, list->place, "the file is too large", NULL);
        }
        yaml_event_delete(&e);
        if (end || rc)
            return rc;
        rc = grow_with(r, list, list->items[list->n++]);
        if (rc)
            return rc;
    }
}

static int check_key(struct reader *r, struct map *seen, struct yaml_node *key,
                     struct yaml_node *value)
{
    if (!yaml_is_scalar(key))
        return fail(r, YAML_UNSUPPORTED, key->place, "a key must be a text, not a list or a map",
                    NULL);
    if (!key->quoted && str_is(key->text, "<<"))
        return fail(r, YAML_UNSUPPORTED, key->place, "merge keys (<<) are not part of YAML 1.2",
                    "repeat the keys");
    struct yaml_node *first = map_get(seen, key->text);
    if (first) {
        report(r, YAML_DUPLICATE, key->place,
               arena_printf(r->arena, "key `%.*s` stands twice in this map",
                            (int)MIN(key->text.n, (size_t)60), key->text.p),
               arena_printf(r->arena, "it stood first in line %d; keep one of them",
                            first->place.line));
        if (r->doc->problem_n)
            r->doc->problems[r->doc->problem_n - 1].first = first->place;
        return 0;
    }
    (void)map_put(seen, key->text, key);
    (void)value;
    return 1;
}

/* One key and its value; *out_end when the map ended instead. */
static int read_pair(struct reader *r, struct yaml_pair *out, int depth, int *out_end)
{
    yaml_event_t e;
    if (next_event(r, &e))
        return r->rc;
    *out_end = e.type == YAML_MAPPING_END_EVENT;
    int rc = *out_end ? 0 : read_node(r, &e, depth, &out->key);
    yaml_event_delete(&e);
    if (rc || *out_end)
        return rc;
    if (next_event(r, &e))
        return r->rc;
    rc = read_node(r, &e, depth, &out->value);
    yaml_event_delete(&e);
    return rc;
}

static int read_pairs(struct reader *r, struct yaml_node *m, int depth, struct map *seen)
{
    size_t cap = 0;
    for (;;) {
        int end = 0;
        m->pairs = room(r, m->pairs, m->n, &cap, sizeof *m->pairs);
        if (!m->pairs)
            return fail(r, YAML_TOO_LARGE, m->place, "the file is too large", NULL);
        struct yaml_pair *pair = &m->pairs[m->n];
        int rc = read_pair(r, pair, depth, &end);
        if (rc || end)
            return rc;
        rc = check_key(r, seen, pair->key, pair->value);
        if (rc < 0)
            return rc;
        m->n += (size_t)rc;
        rc = grow_with(r, m, pair->value);
        if (rc)
            return rc;
    }
}

static int read_map(struct reader *r, struct yaml_node *m, int depth)
{
    struct map seen;
    map_init(&seen);
    int rc = read_pairs(r, m, depth, &seen);
    map_fini(&seen);
    return rc;
}

static int read_alias(struct reader *r, const yaml_event_t *e, struct yaml_node **out)
{
    str_t name = str_of((const char *)e->data.alias.anchor);
    struct yaml_place place = place_of(e->start_mark, e->end_mark);
    if (++r->alias_n > LIMIT_YAML_ALIASES)
        return fail(r, YAML_TOO_LARGE, place, "the file uses too many aliases", NULL);
    for (size_t i = r->anchor_n; i-- > 0;) {
        if (str_eq(r->anchors[i].name, name)) {
            *out = r->anchors[i].node;
            return 0;
        }
    }
    return fail(r, YAML_SYNTAX, place,
                arena_printf(r->arena, "there is no anchor &%.*s above",
                             (int)MIN(name.n, (size_t)60), name.p),
                NULL);
}

static int keep_anchor(struct reader *r, const char *name, struct yaml_node *node)
{
    if (!name)
        return 0;
    if (r->anchor_n == ARRAY_LEN(r->anchors))
        return fail(r, YAML_TOO_LARGE, node->place, "the file has too many anchors", NULL);
    r->anchors[r->anchor_n++] = (struct anchor){ arena_str(r->arena, str_of(name)), node };
    return 0;
}

static int read_node(struct reader *r, const yaml_event_t *e, int depth, struct yaml_node **out)
{
    const char *anchor = NULL;
    struct yaml_place place = place_of(e->start_mark, e->end_mark);
    int rc = 0;
    if (depth > LIMIT_YAML_DEPTH)
        return fail(r, YAML_TOO_LARGE, place, "the file is nested too deeply", NULL);
    if (r->arena->failed)
        return fail(r, YAML_TOO_LARGE, place, "the file is too large", NULL);
    switch (e->type) {
    case YAML_ALIAS_EVENT: return read_alias(r, e, out);
    case YAML_SCALAR_EVENT:
        anchor = (const char *)e->data.scalar.anchor;
        rc = read_scalar(r, e, out);
        break;
    case YAML_SEQUENCE_START_EVENT:
        anchor = (const char *)e->data.sequence_start.anchor;
        *out = node_new(r, YAML_IS_LIST, e);
        (*out)->flow = e->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE;
        rc = read_list(r, *out, depth + 1);
        break;
    case YAML_MAPPING_START_EVENT:
        anchor = (const char *)e->data.mapping_start.anchor;
        *out = node_new(r, YAML_IS_MAP, e);
        (*out)->flow = e->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE;
        rc = read_map(r, *out, depth + 1);
        break;
    default: return fail(r, YAML_SYNTAX, place, "unexpected end of the file", NULL);
    }
    return rc ? rc : keep_anchor(r, anchor, *out);
}

static int read_stream(struct reader *r)
{
    int documents = 0;
    for (;;) {
        yaml_event_t e;
        if (next_event(r, &e))
            return r->rc;
        yaml_event_type_t type = e.type;
        struct yaml_place place = place_of(e.start_mark, e.end_mark);
        int rc = 0;
        if (type == YAML_DOCUMENT_START_EVENT && documents++)
            rc = fail(r, YAML_UNSUPPORTED, place, "the file holds more than one document",
                      "keep what stands before the second ---");
        else if (type == YAML_SCALAR_EVENT || type == YAML_SEQUENCE_START_EVENT ||
                 type == YAML_MAPPING_START_EVENT || type == YAML_ALIAS_EVENT)
            rc = read_node(r, &e, 1, &r->doc->root);
        yaml_event_delete(&e);
        if (rc || type == YAML_STREAM_END_EVENT)
            return rc;
    }
}

static int check_bytes(struct reader *r)
{
    struct yaml_place top = { 1, 1, 1 };
    if (r->text.n > LIMIT_YAML_BYTES)
        return fail(r, YAML_TOO_LARGE, top,
                    arena_printf(r->arena, "the file has %zu bytes; the limit is %zu", r->text.n,
                                 LIMIT_YAML_BYTES),
                    NULL);
    if (str_starts(r->text, "\xff\xfe") || str_starts(r->text, "\xfe\xff"))
        return fail(r, YAML_SYNTAX, top, "the file is UTF-16", "save it as UTF-8");
    if (!str_is_utf8(r->text))
        return fail(r, YAML_SYNTAX, top, "the file is not UTF-8 text", "save it as UTF-8");
    if (r->text.n && memchr(r->text.p, '\0', r->text.n))
        return fail(r, YAML_SYNTAX, top, "the file contains NUL bytes; is it a text file?", NULL);
    return 0;
}

int yaml_parse(struct arena *a, str_t text, struct yaml_document *out, struct err *err)
{
    if (str_starts(text, "\xef\xbb\xbf"))
        text = (str_t){ text.p + 3, text.n - 3 };
    struct reader r = { .arena = a, .text = text, .doc = out };
    *out = (struct yaml_document){ 0 };
    int rc = check_bytes(&r);
    if (!rc && !yaml_parser_initialize(&r.parser))
        return ERR(err, ERR_NOMEM, "not enough memory to read YAML");
    if (!rc) {
        yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
        yaml_parser_set_input_string(&r.parser, (const unsigned char *)text.p, text.n);
        rc = read_stream(&r);
        yaml_parser_delete(&r.parser);
    }
    if (rc)
        out->root = NULL;
    if (!rc && out->error_n)
        rc = ERR_INVALID;
    for (size_t i = 0; rc && i < out->problem_n; i++) {
        const struct yaml_problem *p = &out->problems[i];
        if (p->kind != YAML_SPELLING)
            return ERR(err, rc, "line %d, column %d: %s", p->place.line, p->place.column, p->text);
    }
    return rc ? ERR(err, rc, "bad YAML") : 0;
}

const struct yaml_pair *yaml_find(const struct yaml_node *map, const char *key)
{
    if (!map || map->kind != YAML_IS_MAP)
        return NULL;
    for (size_t i = 0; i < map->n; i++)
        if (str_is(map->pairs[i].key->text, key))
            return &map->pairs[i];
    return NULL;
}

const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key)
{
    const struct yaml_pair *p = yaml_find(map, key);
    return p ? p->value : NULL;
}

int yaml_is_scalar(const struct yaml_node *n)
{
    return n->kind != YAML_IS_LIST && n->kind != YAML_IS_MAP;
}

const char *yaml_kind_name(enum yaml_kind kind)
{
    static const char *const names[] = { "nothing", "true or false", "a whole number", "a number",
                                         "a text",  "a list",        "a map" };
    return names[kind];
}
