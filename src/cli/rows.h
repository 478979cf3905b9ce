/* SPDX-License-Identifier: Apache-2.0
 * Rows for a prediction from what people type or have: a JSON object or array, a whole request
 * body, or a CSV file with a header. */
#pragma once
#include "cli/cli.h"

/* Writes the request body into *out. `source` is JSON text, a file's path or "-"; signature (may be
 * NULL) decides which CSV columns are text. ERR_INVALID names row and column. */
int rows_body(struct cli *c, const char *source, const struct json *signature, struct buf *out,
              struct err *err) WARN_UNUSED;
