/* SPDX-License-Identifier: Apache-2.0
 * Lineage of one version from the rows of registry/ and track/. No SQL of its own. */
#include "govern/lineage.h"

#include "track/dataset.h"

static const char *add_node(struct lineage *l, struct lineage_node node)
{
    for (size_t i = 0; i < l->node_n; i++)
        if (strcmp(l->nodes[i].id, node.id) == 0)
            return l->nodes[i].id;
    if (l->node_n == LINEAGE_NODES_MAX)
        return NULL;
    l->nodes[l->node_n++] = node;
    return node.id;
}

static void add_edge(struct lineage *l, const char *from, const char *to)
{
    if (from && to && l->edge_n < LINEAGE_NODES_MAX)
        l->edges[l->edge_n++] = (struct lineage_edge){ from, to };
}

/* Percent-encodes what a name may hold but a URL may not. */
static char *encode(struct arena *a, const char *z)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t n = strlen(z);
    char *out = arena_try_alloc(a, n + 1, 3), *q = out;
    if (!out)
        return arena_strdup(a, "");
    for (const char *p = z; *p; p++) {
        unsigned char c = (unsigned char)*p;
        int plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    strchr("-_.~", c);
        if (plain) {
            *q++ = *p;
        } else {
            *q++ = '%';
            *q++ = hex[c >> 4];
            *q++ = hex[c & 15];
        }
    }
    return out;
}

static const char *add_version(struct arena *a, struct lineage *l, const struct version *v)
{
    return add_node(l, (struct lineage_node){
                           .id = arena_printf(a, "model/%s:%lld", v->model, (long long)v->number),
                           .kind = "model",
                           .label = arena_printf(a, "%s v%lld", v->model, (long long)v->number),
                           .href = arena_printf(a, "/models/%s/%lld", encode(a, v->model),
                                                (long long)v->number),
                       });
}

static const char *add_data(struct arena *a, struct lineage *l, const char *name,
                            const char *digest)
{
    return add_node(
        l, (struct lineage_node){
               .id = arena_printf(a, "dataset/%s:%.12s", name, digest),
               .kind = "data",
               .label = arena_printf(a, "%s %.8s", name, digest),
               .href = arena_printf(a, "/datasets/%s?digest=%.12s", encode(a, name), digest),
           });
}

static const char *add_run(struct arena *a, struct lineage *l, const struct run *r)
{
    return add_node(l, (struct lineage_node){
                           .id = arena_printf(a, "run/%s", r->id),
                           .kind = "run",
                           .label = r->name,
                           .href = arena_printf(a, "/runs/%s", r->id),
                       });
}

int lineage_of_version(struct tx *tx, struct arena *a, const struct version *v, struct lineage *out,
                       struct err *err)
{
    struct run r;
    struct run_input *inputs = NULL;
    size_t n = 0;
    *out = (struct lineage){ 0 };
    const char *run = NULL;
    int rc = v->run_id ? run_get(tx, a, v->run_id, &r, err) : ERR_NOT_FOUND;
    if (rc == 0) {
        rc = run_inputs(tx, a, r.id, &inputs, &n, err);
        if (rc)
            return rc;
        for (size_t i = 0; i < n; i++) {
            const char *data = add_data(a, out, inputs[i].dataset.name, inputs[i].dataset.digest);
            run = add_run(a, out, &r);
            add_edge(out, data, run);
        }
        run = add_run(a, out, &r);
    } else if (rc != ERR_NOT_FOUND) {
        return rc;
    }
    const char *data =
        n == 0 && v->dataset_digest
            ? add_data(a, out, v->dataset_name ? v->dataset_name : "data", v->dataset_digest)
            : NULL;
    const char *self = add_version(a, out, v);
    if (data)
        add_edge(out, data, run ? run : self);
    add_edge(out, run, self);
    return 0;
}

void lineage_add_endpoint(struct arena *a, struct lineage *l, const struct version *v,
                          const char *endpoint)
{
    const char *node =
        add_node(l, (struct lineage_node){
                        .id = arena_printf(a, "endpoint/%s", endpoint),
                        .kind = "endpoint",
                        .label = arena_strdup(a, endpoint),
                        .href = arena_printf(a, "/endpoints/%s", encode(a, endpoint)),
                    });
    add_edge(l, add_version(a, l, v), node);
}

void lineage_print(struct json_out *o, const struct lineage *l)
{
    jo_object(o);
    jo_key(o, "nodes");
    jo_array(o);
    for (size_t i = 0; i < l->node_n; i++) {
        jo_object(o);
        jo_kv_cstr(o, "id", l->nodes[i].id);
        jo_kv_cstr(o, "kind", l->nodes[i].kind);
        jo_kv_cstr(o, "label", l->nodes[i].label);
        jo_kv_cstr(o, "href", l->nodes[i].href);
        jo_object_end(o);
    }
    jo_array_end(o);
    jo_key(o, "edges");
    jo_array(o);
    for (size_t i = 0; i < l->edge_n; i++) {
        jo_array(o);
        jo_cstr(o, l->edges[i].from);
        jo_cstr(o, l->edges[i].to);
        jo_array_end(o);
    }
    jo_array_end(o);
    jo_object_end(o);
}
