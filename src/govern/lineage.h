/* SPDX-License-Identifier: Apache-2.0
 * Lineage: what a model version came from and where it goes. A small graph in an arena. */
#pragma once
#include "codec/json.h"
#include "registry/version.h"

struct lineage_node {
    const char *id; /* "dataset/diabetes:4f2a…", "run/…", "model/diabetes:2", "endpoint/diabetes" */
    const char *kind; /* "data", "run", "model", "endpoint" */
    const char *label;
    const char *href; /* page of the user interface */
};

struct lineage_edge {
    const char *from, *to; /* ids */
};

enum { LINEAGE_NODES_MAX = 64 };

struct lineage {
    struct lineage_node nodes[LINEAGE_NODES_MAX];
    struct lineage_edge edges[LINEAGE_NODES_MAX];
    size_t node_n, edge_n;
};

/* Data → run → version; what is unknown is left out. */
int lineage_of_version(struct tx *tx, struct arena *a, const struct version *v, struct lineage *out,
                       struct err *err) WARN_UNUSED;
/* The version serves, or served, an endpoint. */
void lineage_add_endpoint(struct arena *a, struct lineage *l, const struct version *v,
                          const char *endpoint);
/* {"nodes":[…],"edges":[[from,to]…]} */
void lineage_print(struct json_out *o, const struct lineage *l);
