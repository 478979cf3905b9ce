/* SPDX-License-Identifier: Apache-2.0
 * Private to model/: the parts of building that reading a file shares. */
#pragma once
#include "model/graph.h"

enum { GRAPH_NAME_BYTES = 1024 }; /* the longest name of a value */

/* Takes a name for a new value and returns the graph's copy; "" (and a sticky failure) when it is
 * empty, too long or in use. */
const char *graph__name_take(struct graph *g, const char *name);
int graph__name_has(const struct graph *g, const char *name);
/* Room for item n of a growing arena array (*items, *cap); NULL and a sticky failure when out of
 * memory. */
void *graph__grow(struct graph *g, void **items, size_t n, size_t *cap, size_t size);
