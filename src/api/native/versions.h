/* SPDX-License-Identifier: Apache-2.0
 * Versions as JSON, shared by the pages of a model and of a version, and who serves what. */
#pragma once
#include "codec/json.h"
#include "net/request.h"
#include "registry/version.h"
#include "rollout/endpoint.h"

/* All endpoints of the project, read once a request. */
struct served {
    struct endpoint_row *list;
    size_t n;
};

int served_load(struct tx *tx, struct request *rq, struct served *out, struct err *err) WARN_UNUSED;
/* "endpoints":[names] that are meant to serve the model, or that version of it (0 = any). */
void served_write(struct json_out *o, const struct served *s, const char *model, int64_t version);

/* What a list shows of a version; the object stays open. */
int version_write_common(struct tx *tx, struct request *rq, struct json_out *o,
                         const struct version *v, const struct served *served,
                         struct err *err) WARN_UNUSED;
