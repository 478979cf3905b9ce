/* SPDX-License-Identifier: Apache-2.0
 * Shows the answer of :explain. */
#pragma once
#include "cli/cli.h"

/* One line a feature, the largest contribution first, between the base and the prediction; with -o
 * json the answer as it came. */
int explain_print(struct cli *c, const struct json *answer, struct err *err) WARN_UNUSED;
