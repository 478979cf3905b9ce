/* SPDX-License-Identifier: Apache-2.0
 * Reference pages made from the tables of this folder and of access/: routes, permissions, metrics.
 * Plumbing of `slipway _docs`; nothing of a server is needed. */
#pragma once
#include "api/route.h"

/* Every route by table: what it does, its permission, its fields. */
int reference_rest(struct buf *out, struct err *err) WARN_UNUSED;
/* Every permission: role, meaning, the routes that ask for it. */
void reference_permissions(struct buf *out);
/* Every metric of /metrics; read off the writers themselves with nothing counted. */
int reference_metrics(struct buf *out, struct err *err) WARN_UNUSED;
