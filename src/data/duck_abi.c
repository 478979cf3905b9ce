/* SPDX-License-Identifier: Apache-2.0
 * Proves duck_int.h against DuckDB's own header. Compiled only when scripts/setup-engines has
 * brought engines/duckdb/duckdb.h; makes no code. */
#include <duckdb.h>
#define DUCK_REAL_HEADER
#include "data/duck_int.h"

#define SAME(name, result, args)                                                                   \
    _Static_assert(__builtin_types_compatible_p(__typeof__(duckdb_##name), result args),           \
                   "duckdb_" #name " has another signature");
DUCK_FUNCTIONS(SAME)

_Static_assert(sizeof(duckdb_result) == 48, "duckdb_result has another size");
_Static_assert(sizeof(duckdb_string_t) == sizeof(struct duck_string),
               "duckdb_string_t has another size");
_Static_assert(offsetof(duckdb_string_t, value.inlined.inlined) ==
                   offsetof(struct duck_string, head),
               "inline text");
_Static_assert(offsetof(duckdb_string_t, value.pointer.ptr) == offsetof(struct duck_string, rest),
               "pointer");
_Static_assert((int)DUCKDB_TYPE_BOOLEAN == DUCK_T_BOOLEAN &&
                   (int)DUCKDB_TYPE_BIGINT == DUCK_T_BIGINT &&
                   (int)DUCKDB_TYPE_DOUBLE == DUCK_T_DOUBLE &&
                   (int)DUCKDB_TYPE_VARCHAR == DUCK_T_VARCHAR,
               "type numbers");
_Static_assert(DuckDBSuccess == 0, "success is 0");
