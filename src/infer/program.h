/* SPDX-License-Identifier: Apache-2.0
 * Private to infer/: the program that a graph becomes.
 *
 * Every value [rows, width] is taken apart into its columns. While compiling, a column is a `def`:
 * one operation on other columns, each stated once (equal definitions are shared, constants are
 * folded). Concat, Reshape, Gather, Identity only rename columns and cost nothing. From the defs
 * that lead to an output plan.c makes a flat list of insns over numbered slots; a slot is a block
 * of rows of one column.
 *
 * Numbers of every type are doubles while they are computed: float results are rounded to float
 * after each operation, whole numbers are exact up to 2^53, truth is 0 or 1. Strings are str_t. */
#pragma once
#include "infer/predictor.h"

#include "base/map.h"
#include "base/mem.h"

/* Operands x, y, z … are columns, k a number of the operation. */
enum code {
    OP_NONE,
    OP_INPUT,      /* the caller's column: input `index` */
    OP_CONST,      /* k */
    OP_CONST_TEXT, /* text */
    OP_PICK,       /* column `at` of a wide input x, `stride` columns wide */
    OP_PICK_TEXT,
    OP_NEG,
    OP_ABS,
    OP_EXP,
    OP_LOG,
    OP_SQRT,
    OP_FLOOR,
    OP_CEIL,
    OP_ROUND,
    OP_SIGN,
    OP_SIGMOID,
    OP_TANH,
    OP_NOT, /* x == 0 */
    OP_ISNAN,
    OP_ISINF, /* index: 1 = +inf, 2 = -inf, 3 = both */
    OP_TO_FLOAT,
    OP_TO_INT,
    OP_TO_BOOL,
    OP_ADD,
    OP_SUB,
    OP_MUL,
    OP_DIV,
    OP_ADD_K,
    OP_SUB_K,
    OP_MUL_K,
    OP_DIV_K, /* x op k */
    OP_K_SUB,
    OP_K_DIV, /* k op x */
    OP_INT_DIV,
    OP_INT_MOD, /* of whole numbers; y = 0 fails */
    OP_FMOD,
    OP_POW,
    OP_MIN,
    OP_MAX, /* NaN wins */
    OP_EQ,
    OP_LT,
    OP_LE,
    OP_AND,
    OP_OR,
    OP_XOR,
    OP_EQ_K,
    OP_LT_K,
    OP_LE_K,
    OP_K_LT,
    OP_K_LE,       /* K_LT: k < x */
    OP_WHERE,      /* x ? y : z */
    OP_WHERE_KY,   /* x ? k : y */
    OP_WHERE_YK,   /* x ? y : k */
    OP_FILL,       /* isnan(x) ? k : x */
    OP_SCALE,      /* (x - k0) / k1 */
    OP_FILL_SCALE, /* ((isnan(x) ? k0 : x) - k1) / k2 */
    OP_MAC,        /* x + y * k */
    OP_MAC4,       /* (((x + y0 * k0) + y1 * k1) + y2 * k2) + y3 * k3 */
    OP_MAC_TABLE,  /* x + table[y]; y < 0 adds nothing */
    OP_TABLE, /* table[x]; k when x < 0. index = 1: negative counts from the end, outside fails */
    OP_TABLE_TEXT,
    OP_FIND_NUMBER, /* the index of x among the keys, -1 when absent. index = 1: absent fails */
    OP_FIND_TEXT,
    OP_SAME_TEXT,   /* x == y */
    OP_SAME_TEXT_K, /* x == text */
    OP_WHERE_TEXT,  /* x ? y : z */
    OP_N
};

enum { ARGS_MAX = 5, K_MAX = 4 };

typedef uint32_t column_t;

/* Strings or numbers with their places; immutable. */
struct keys {
    size_t n;
    const str_t *strings;  /* of FIND_TEXT */
    const double *numbers; /* of FIND_NUMBER: sorted */
    const uint32_t *order; /* index of numbers[i] in the model's order */
    uint32_t *slots;       /* index + 1, 0 = empty; a power of two */
    size_t mask;
};

/* Numbers or strings by index. */
struct table {
    size_t n;
    const double *numbers;
    const str_t *strings;
    str_t other;
};

struct def {
    enum code code;
    int is_text;
    uint32_t arg_n;
    column_t args[ARGS_MAX];
    uint32_t index, stride;
    double k[K_MAX];
    str_t text;
    const struct keys *keys;
    const struct table *table;
    const char *node; /* the node that it stands in, for messages */
    /* plan.c's: */
    uint32_t slot, uses, state;
};

/* One operation on blocks of rows; args and dst are slots. */
struct insn {
    uint16_t code;
    uint16_t is_text; /* of dst */
    uint32_t dst;
    uint32_t args[ARGS_MAX];
    uint32_t index, stride;
    double k[K_MAX];
    const void *data; /* keys, table or str_t */
    const char *node;
};

/* Slot 0 points to this: what a kernel that can fail leaves behind. */
struct run_state {
    const struct insn *failed;
};

typedef void (*kernel_fn)(const struct insn *i, void *const *slots, size_t n);
/* Kernels by code for this machine; *out_name is "avx2" or "baseline". All give the same bits. */
const kernel_fn *kernels_select(const char **out_name);
/* Those of set `which` (0 = best of this machine, 1 = baseline), for tests. */
const kernel_fn *kernels_all(int which, const char **out_name);

/* ---- lookup.c ---- */
struct keys *keys_of_strings(struct arena *a, const str_t *v,
                             size_t n); /* first of equal keys wins; NULL: no memory */
struct keys *keys_of_numbers(struct arena *a, const double *v, size_t n);
int64_t keys_find_text(const struct keys *k, str_t s);    /* -1 when absent */
int64_t keys_find_number(const struct keys *k, double x); /* NaN finds NaN */

/* ---- the compiler's state ---- */

/* A value of the graph. rows: the first dimension is the rows and not in dims. A constant tensor's
 * columns are made on first use. */
struct value {
    enum tensor_type type;
    int rows;
    int rank; /* of dims */
    int64_t dims[TENSOR_RANK_MAX];
    size_t width; /* product of dims */
    column_t *columns;
    const struct tensor *tensor;
};

struct compiler {
    const struct graph *g;
    struct arena *arena; /* of the predictor: what stays */
    struct arena work;   /* what goes */
    struct map values;   /* name → struct value */
    struct def *defs;
    size_t def_n, def_cap;
    uint32_t *buckets; /* def index + 1 */
    size_t bucket_n;
    const struct node *node; /* under way */
    struct err *err;
    int failed; /* sticky: out of memory or too many columns */
};

/* ---- build.c: stating columns ---- */
column_t def_put(struct compiler *c, struct def d); /* simplifies, folds, shares */
column_t def_const(struct compiler *c, double k);
column_t def_text(struct compiler *c, str_t s);
column_t def_1(struct compiler *c, enum code code, column_t x);
column_t def_2(struct compiler *c, enum code code, column_t x, column_t y);
column_t def_where(struct compiler *c, column_t cond, column_t x,
                   column_t y); /* of numbers or strings */
/* Σ x[i]·w[i], added in this order; one-hot neighbours become one table. */
column_t def_dot(struct compiler *c, const column_t *x, const double *w, size_t n);
int def_is_const(const struct compiler *c, column_t x, double *out); /* of numbers */
void insn_of_def(const struct def *d, struct insn *out);             /* all but the slots */

/* ---- lower.c: values ---- */
/* ERR_INVALID "node 'x' (Op): …". */
int node_error(struct compiler *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
struct value *value_get(struct compiler *c, size_t input); /* NULL when left out */
int value_columns(struct compiler *c,
                  struct value *v) WARN_UNUSED; /* makes v->columns of a constant */
/* Element i of a value that must be constant. */
int value_number(struct compiler *c, const struct value *v, size_t i, double *out) WARN_UNUSED;
struct value *value_new(struct compiler *c, enum tensor_type type, int rows, int rank,
                        const int64_t *dims);
int value_put(struct compiler *c, size_t output, struct value *v) WARN_UNUSED;
int value_is_text(const struct value *v);
/* Rounds a result to its type: float after each operation. */
column_t def_round(struct compiler *c, enum tensor_type type, column_t a);
int64_t attr_int(const struct node *n, const char *name, int64_t fallback);
double attr_float(const struct node *n, const char *name, double fallback);

typedef int (*lower_fn)(struct compiler *c, const struct node *n, int code);
struct lowering {
    const char *op, *domain;
    lower_fn fn;
    int code; /* an enum code, or the function's own */
    uint32_t input_min, input_max;
};
enum { ANY_NUMBER = 1 << 30 };
extern const struct lowering lower_math[], lower_shapes[], lower_ml[];
extern const size_t lower_math_n, lower_shapes_n, lower_ml_n;

int lower_graph(struct compiler *c, const char *const *outputs, size_t n) WARN_UNUSED;

/* ---- plan.c ---- */
struct output {
    uint32_t slot, index, width; /* column `index` of output k */
    uint32_t output;
    int is_text;
};

struct predictor {
    uint32_t magic;
    struct arena arena;
    struct predictor_input *inputs, *outputs;
    size_t input_n, output_n;
    struct map input_names;
    struct insn *prologue; /* constants in slots, once a run */
    size_t prologue_n;
    struct insn *insns;
    size_t insn_n;
    struct output *columns; /* of all outputs */
    size_t column_n;
    uint32_t *input_slots; /* of input i, or 0 when it is not used */
    size_t slot_n;         /* slot 0 is the state */
    uint32_t *slot_at;     /* place of the slot in the workspace: bytes a row before it */
    uint32_t number_blocks, text_blocks;
    size_t block_rows;
    const kernel_fn *kernels;
    const char *instruction_set;
    size_t onnx_bytes, node_n;
};
enum { PREDICTOR_MAGIC = 0x50524544 };

int plan_program(struct compiler *c, struct predictor *p,
                 const struct value *const *outputs) WARN_UNUSED;

/* ---- run.c ---- */
/* Where results go: rows[k] = rows·width numbers of output k, or else columns[j] (texts[j]) =
 * column j of all outputs. */
struct sinks {
    double *const *rows;
    double *const *columns;
    str_t *const *texts;
};
int program_run(const struct predictor *p, const struct predictor_batch *in,
                const struct sinks *out, void *workspace, struct err *err) WARN_UNUSED;
/* Compiles what leads to the named values; numeric and string ones alike. */
int program_compile(const struct graph *g, const char *const *values, size_t n,
                    struct predictor **out, struct err *err) WARN_UNUSED;
