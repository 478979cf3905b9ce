/* SPDX-License-Identifier: Apache-2.0
 * Running a program: blocks of rows through the flat list of insns. All memory is the caller's
 * workspace; nothing here allocates, locks or calls the system. Any number of threads, each with
 * its own workspace. */
#include "infer/program.h"

#include <math.h>

enum { LINE = 64 };

static size_t round_up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

/* Rows of a block, rounded up so that every block starts on its own cache line. */
static size_t block_of(const struct predictor *p, size_t rows)
{
    return MIN(round_up(MAX(rows, (size_t)1), 8), p->block_rows);
}

static size_t header_bytes(const struct predictor *p)
{
    return round_up(p->slot_n * sizeof(void *) + sizeof(struct run_state), LINE);
}

size_t predictor_workspace_bytes(const struct predictor *p, size_t rows)
{
    size_t block = block_of(p, rows);
    return header_bytes(p) +
           block * (p->number_blocks * sizeof(double) + p->text_blocks * sizeof(str_t)) + LINE;
}

/* Points slots to their blocks (those of inputs are set for each block of rows) and fills
 * constants. */
static void place_slots(const struct predictor *p, void **slots, char *blocks, size_t block)
{
    for (size_t s = 1; s < p->slot_n; s++)
        slots[s] = blocks + p->slot_at[s] * block;
    for (const struct insn *i = p->prologue, *end = i + p->prologue_n; i < end; i++)
        p->kernels[i->code](i, slots, block);
}

static void point_inputs(const struct predictor *p, const struct predictor_batch *in, void **slots,
                         size_t row)
{
    for (size_t i = 0; i < p->input_n; i++) {
        uint32_t slot = p->input_slots[i];
        if (!slot)
            continue;
        size_t size = p->inputs[i].type == TENSOR_STRING ? sizeof(str_t) : sizeof(double);
        /* Kernels only read inputs; the table of slots is one type for all. */
        slots[slot] = (void *)((uintptr_t)in->inputs[i] + row * (size_t)p->inputs[i].width * size);
    }
}

/* To rows of all columns of an output, or to a column of its own. */
static void copy_out(const struct predictor *p, const struct sinks *out, void *const *slots,
                     size_t row, size_t n)
{
    for (size_t j = 0; j < p->column_n; j++) {
        const struct output *o = &p->columns[j];
        if (o->is_text) {
            memcpy(out->texts[j] + row, slots[o->slot], n * sizeof(str_t));
            continue;
        }
        const double *from = slots[o->slot];
        double *to =
            out->columns ? out->columns[j] + row : out->rows[o->output] + row * o->width + o->index;
        size_t stride = out->columns ? 1 : o->width;
        for (size_t r = 0; r < n; r++)
            to[r * stride] = from[r];
    }
}

static int say_failure(const struct insn *i, struct err *err)
{
    if (i->code == OP_INT_DIV || i->code == OP_INT_MOD)
        return ERR(err, ERR_INVALID, "node '%.80s': division of a whole number by zero", i->node);
    if (i->code == OP_FIND_TEXT || i->code == OP_FIND_NUMBER)
        return ERR(err, ERR_INVALID, "node '%.80s': a value that is none of the model's categories",
                   i->node);
    return ERR(err, ERR_INVALID, "node '%.80s': an index outside its table", i->node);
}

int program_run(const struct predictor *p, const struct predictor_batch *in,
                const struct sinks *out, void *workspace, struct err *err)
{
    size_t block = block_of(p, in->rows);
    void **slots = workspace;
    struct run_state *state = (struct run_state *)(slots + p->slot_n);
    state->failed = NULL;
    slots[0] = state;
    place_slots(p, slots, (char *)workspace + header_bytes(p), block);
    for (size_t row = 0; row < in->rows; row += block) {
        size_t n = MIN(block, in->rows - row);
        point_inputs(p, in, slots, row);
        for (const struct insn *i = p->insns, *end = i + p->insn_n; i < end; i++)
            p->kernels[i->code](i, slots, n);
        if (UNLIKELY(state->failed != NULL))
            return say_failure(state->failed, err);
        copy_out(p, out, slots, row, n);
    }
    return 0;
}

int predictor_run(const struct predictor *p, const struct predictor_batch *in,
                  double *const *outputs, void *workspace, struct err *err)
{
    return program_run(p, in, &(struct sinks){ .rows = outputs }, workspace, err);
}
