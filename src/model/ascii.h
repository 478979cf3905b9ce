/* SPDX-License-Identifier: Apache-2.0
 * JSON text in ASCII only, as Python's json module writes it: safe inside YAML, which allows fewer
 * characters than JSON. */
#pragma once
#include "base/str.h"

/* Copies valid JSON; bytes outside strings are ASCII already, inside they become \uXXXX. */
void json_to_ascii(str_t json, struct buf *out);
