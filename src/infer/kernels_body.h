/* SPDX-License-Identifier: Apache-2.0
 * The kernels, included once for each instruction set: K(name) gives them different names, KERNEL
 * the attribute that lets the compiler use it. No kernel depends on the width of a vector: each row
 * is computed alone and in the same order, so every instruction set gives the same bits (no fused
 * multiply-add: -ffp-contract=off).
 *
 * dst never is one of the operands (plan.c), hence restrict. */

#define ARG(j) ((const double *)slots[i->args[j]])

#define EACH(name, expr)                                                                           \
    KERNEL void K(name)(const struct insn *i, void *const *slots, size_t n)                        \
    {                                                                                              \
        const double *restrict x_ = ARG(0);                                                        \
        double *restrict out = slots[i->dst];                                                      \
        const double k = i->k[0], k1 = i->k[1], k2 = i->k[2];                                      \
        (void)k, (void)k1, (void)k2;                                                               \
        for (size_t r = 0; r < n; r++) {                                                           \
            const double x = x_[r];                                                                \
            out[r] = (expr);                                                                       \
        }                                                                                          \
    }

#define EACH2(name, expr)                                                                          \
    KERNEL void K(name)(const struct insn *i, void *const *slots, size_t n)                        \
    {                                                                                              \
        const double *restrict x_ = ARG(0), *restrict y_ = ARG(1);                                 \
        double *restrict out = slots[i->dst];                                                      \
        const double k = i->k[0];                                                                  \
        (void)k;                                                                                   \
        for (size_t r = 0; r < n; r++) {                                                           \
            const double x = x_[r], y = y_[r];                                                     \
            out[r] = (expr);                                                                       \
        }                                                                                          \
    }

EACH(neg, -x)
EACH(abs, fabs(x))
EACH(exp, exp(x))
EACH(log, log(x))
EACH(sqrt, sqrt(x))
EACH(floor, floor(x))
EACH(ceil, ceil(x))
EACH(round, rint(x))
EACH(sign, x > 0 ? 1.0 : x < 0 ? -1.0 : x)
EACH(sigmoid, x >= 0 ? 1.0 / (1.0 + exp(-x)) : exp(x) / (1.0 + exp(x)))
EACH(tanh, tanh(x))
EACH(not, x == 0 ? 1.0 : 0.0)
EACH(isnan, x != x ? 1.0 : 0.0)
EACH(isinf, ((i->index & 1) && x == HUGE_VAL) || ((i->index & 2) && x == -HUGE_VAL) ? 1.0 : 0.0)
EACH(to_float, (double)(float)x)
EACH(to_int, trunc(x))
EACH(to_bool, x != 0 ? 1.0 : 0.0)
EACH(add_k, x + k)
EACH(sub_k, x - k)
EACH(mul_k, x *k)
EACH(div_k, x / k)
EACH(k_sub, k - x)
EACH(k_div, k / x)
EACH(eq_k, x == k ? 1.0 : 0.0)
EACH(lt_k, x < k ? 1.0 : 0.0)
EACH(le_k, x <= k ? 1.0 : 0.0)
EACH(k_lt, k < x ? 1.0 : 0.0)
EACH(k_le, k <= x ? 1.0 : 0.0)
EACH(fill, x != x ? k : x)
EACH(scale, (x - k) / k1)
EACH(fill_scale, ((x != x ? k : x) - k1) / k2)

EACH2(add, x + y)
EACH2(sub, x - y)
EACH2(mul, x *y)
EACH2(div, x / y)
EACH2(fmod, fmod(x, y))
EACH2(pow, pow(x, y))
EACH2(min, x < y || x != x ? x : y)
EACH2(max, x > y || x != x ? x : y)
EACH2(eq, x == y ? 1.0 : 0.0)
EACH2(lt, x < y ? 1.0 : 0.0)
EACH2(le, x <= y ? 1.0 : 0.0)
EACH2(and, x != 0 && y != 0 ? 1.0 : 0.0)
EACH2(or, x != 0 || y != 0 ? 1.0 : 0.0)
EACH2(xor, (x != 0) != (y != 0) ? 1.0 : 0.0)
EACH2(where_ky, x != 0 ? k : y)
EACH2(where_yk, x != 0 ? y : k)
EACH2(mac, x + y * k)

KERNEL void K(where)(const struct insn *i, void *const *slots, size_t n)
{
    const double *restrict x = ARG(0), *restrict y = ARG(1), *restrict z = ARG(2);
    double *restrict out = slots[i->dst];
    for (size_t r = 0; r < n; r++) {
        const double a = y[r], b = z[r]; /* both read, so that it can be a blend */
        out[r] = x[r] != 0 ? a : b;
    }
}

KERNEL void K(mac4)(const struct insn *i, void *const *slots, size_t n)
{
    const double *restrict x = ARG(0), *restrict a = ARG(1), *restrict b = ARG(2),
                           *restrict c = ARG(3), *restrict d = ARG(4);
    double *restrict out = slots[i->dst];
    const double ka = i->k[0], kb = i->k[1], kc = i->k[2], kd = i->k[3];
    for (size_t r = 0; r < n; r++)
        out[r] = (((x[r] + a[r] * ka) + b[r] * kb) + c[r] * kc) + d[r] * kd;
}

KERNEL void K(constant)(const struct insn *i, void *const *slots, size_t n)
{
    double *restrict out = slots[i->dst];
    const double k = i->k[0];
    for (size_t r = 0; r < n; r++)
        out[r] = k;
}

KERNEL void K(pick)(const struct insn *i, void *const *slots, size_t n)
{
    const double *restrict x = ARG(0);
    double *restrict out = slots[i->dst];
    const size_t stride = i->stride, at = i->index;
    for (size_t r = 0; r < n; r++)
        out[r] = x[r * stride + at];
}

KERNEL void K(mac_table)(const struct insn *i, void *const *slots, size_t n)
{
    const double *restrict x = ARG(0), *restrict y = ARG(1);
    double *restrict out = slots[i->dst];
    const double *restrict table = ((const struct table *)i->data)->numbers;
    for (size_t r = 0; r < n; r++)
        out[r] = y[r] >= 0 ? x[r] + table[(size_t)y[r]] : x[r];
}

static const kernel_fn K(kernels)[OP_N] = {
    [OP_CONST] = K(constant),
    [OP_CONST_TEXT] = constant_text,
    [OP_PICK] = K(pick),
    [OP_PICK_TEXT] = pick_text,
    [OP_NEG] = K(neg),
    [OP_ABS] = K(abs),
    [OP_EXP] = K(exp),
    [OP_LOG] = K(log),
    [OP_SQRT] = K(sqrt),
    [OP_FLOOR] = K(floor),
    [OP_CEIL] = K(ceil),
    [OP_ROUND] = K(round),
    [OP_SIGN] = K(sign),
    [OP_SIGMOID] = K(sigmoid),
    [OP_TANH] = K(tanh),
    [OP_NOT] = K(not ),
    [OP_ISNAN] = K(isnan),
    [OP_ISINF] = K(isinf),
    [OP_TO_FLOAT] = K(to_float),
    [OP_TO_INT] = K(to_int),
    [OP_TO_BOOL] = K(to_bool),
    [OP_ADD] = K(add),
    [OP_SUB] = K(sub),
    [OP_MUL] = K(mul),
    [OP_DIV] = K(div),
    [OP_ADD_K] = K(add_k),
    [OP_SUB_K] = K(sub_k),
    [OP_MUL_K] = K(mul_k),
    [OP_DIV_K] = K(div_k),
    [OP_K_SUB] = K(k_sub),
    [OP_K_DIV] = K(k_div),
    [OP_INT_DIV] = int_div,
    [OP_INT_MOD] = int_mod,
    [OP_FMOD] = K(fmod),
    [OP_POW] = K(pow),
    [OP_MIN] = K(min),
    [OP_MAX] = K(max),
    [OP_EQ] = K(eq),
    [OP_LT] = K(lt),
    [OP_LE] = K(le),
    [OP_AND] = K(and),
    [OP_OR] = K(or),
    [OP_XOR] = K(xor),
    [OP_EQ_K] = K(eq_k),
    [OP_LT_K] = K(lt_k),
    [OP_LE_K] = K(le_k),
    [OP_K_LT] = K(k_lt),
    [OP_K_LE] = K(k_le),
    [OP_WHERE] = K(where),
    [OP_WHERE_KY] = K(where_ky),
    [OP_WHERE_YK] = K(where_yk),
    [OP_FILL] = K(fill),
    [OP_SCALE] = K(scale),
    [OP_FILL_SCALE] = K(fill_scale),
    [OP_MAC] = K(mac),
    [OP_MAC4] = K(mac4),
    [OP_MAC_TABLE] = K(mac_table),
    [OP_TABLE] = table_number,
    [OP_TABLE_TEXT] = table_text,
    [OP_FIND_NUMBER] = find_number,
    [OP_FIND_TEXT] = find_text,
    [OP_SAME_TEXT] = same_text,
    [OP_SAME_TEXT_K] = same_text_k,
    [OP_WHERE_TEXT] = where_text,
};

#undef ARG
#undef EACH
#undef EACH2
