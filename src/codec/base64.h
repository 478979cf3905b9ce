/* SPDX-License-Identifier: Apache-2.0
 * Base64 (RFC 4648, with padding). */
#pragma once
#include "base/arena.h"

/* NUL-terminated; NULL past the arena's cap. */
char *base64_encode(struct arena *a, str_t bytes);
