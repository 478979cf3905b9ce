/* SPDX-License-Identifier: Apache-2.0
 * From columns to a program: what leads to an output is put in an order that keeps few blocks alive
 * (each chain is finished before the next begins), then blocks get places in a workspace whose size
 * decides how many rows are done at a time, so that it stays in the first-level cache. */
#include "infer/program.h"

#include <stdlib.h>

enum { CACHE_BYTES = 24 << 10, BLOCK_MAX = 512, BLOCK_MIN = 32 };

#define TEXT_SLOT 0x80000000U /* marks slots of strings until settle_places */

struct planner {
    struct compiler *c;
    struct predictor *p;
    uint32_t *order; /* defs in the order of the program */
    size_t order_n;
    uint32_t *stack;
    uint32_t *free_slots[2]; /* stacks, by is_text */
    size_t free_n[2];
    uint32_t next_slot;
};

enum { STATE_NEW, STATE_OPEN, STATE_DONE };

/* Depth first without recursion: a linear model is one chain as long as it has columns. The stack
 * holds at most every operand of every def. */
static void put_in_order(struct planner *l, column_t root)
{
    struct def *defs = l->c->defs;
    size_t depth = 0;
    l->stack[depth++] = root;
    while (depth) {
        struct def *d = &defs[l->stack[depth - 1]];
        if (d->state == STATE_NEW) {
            d->state = STATE_OPEN;
            for (uint32_t j = d->arg_n; j-- > 0;) {
                if (defs[d->args[j]].state == STATE_NEW)
                    l->stack[depth++] = d->args[j];
            }
            continue;
        }
        depth--;
        if (d->state == STATE_OPEN)
            l->order[l->order_n++] = l->stack[depth];
        d->state = STATE_DONE;
    }
}

static void count_uses(struct planner *l)
{
    struct def *defs = l->c->defs;
    for (size_t i = 0; i < l->order_n; i++) {
        const struct def *d = &defs[l->order[i]];
        for (uint32_t j = 0; j < d->arg_n; j++)
            defs[d->args[j]].uses++;
    }
}

static uint32_t new_slot(struct planner *l, int is_text)
{
    struct predictor *p = l->p;
    uint32_t slot = l->next_slot++;
    p->slot_at[slot] = is_text ? TEXT_SLOT | p->text_blocks++ : p->number_blocks++;
    return slot;
}

static uint32_t take_slot(struct planner *l, int is_text)
{
    if (l->free_n[is_text])
        return l->free_slots[is_text][--l->free_n[is_text]];
    return new_slot(l, is_text);
}

/* After its last use a block is free for a later operation; inputs and constants stay. */
static void give_back(struct planner *l, struct def *d)
{
    if (--d->uses == 0 && d->code != OP_INPUT && d->code != OP_CONST && d->code != OP_CONST_TEXT)
        l->free_slots[d->is_text][l->free_n[d->is_text]++] = d->slot;
}

static int copy_text(struct planner *l, const struct def *d, struct insn *i)
{
    if (d->keys || d->table)
        return 0;
    str_t *own = ARENA_NEW(&l->p->arena, str_t);
    *own = arena_str(&l->p->arena, d->text);
    i->data = own;
    return l->p->arena.failed ? -1 : 0;
}

static void place_def(struct planner *l, struct def *d)
{
    struct predictor *p = l->p;
    struct insn i;
    insn_of_def(d, &i);
    i.node = d->node ? arena_strdup(&p->arena, d->node) : "";
    if (copy_text(l, d, &i) < 0 || !i.node)
        return;
    if (d->code == OP_INPUT) {
        d->slot = l->next_slot++;
        p->input_slots[d->index] = d->slot;
        return;
    }
    if (d->code == OP_CONST || d->code == OP_CONST_TEXT) {
        i.dst = d->slot = new_slot(l, d->is_text);
        p->prologue[p->prologue_n++] = i;
        return;
    }
    i.dst = d->slot = take_slot(l, d->is_text);
    for (uint32_t j = 0; j < d->arg_n; j++) {
        struct def *x = &l->c->defs[d->args[j]];
        i.args[j] = x->slot;
        give_back(l, x);
    }
    p->insns[p->insn_n++] = i;
}

static int make_room(struct planner *l)
{
    struct predictor *p = l->p;
    size_t n = l->order_n + 1;
    p->slot_at = ARENA_TRY_ARRAY(&p->arena, n + 1, uint32_t);
    p->insns = ARENA_TRY_ARRAY(&p->arena, n, struct insn);
    p->prologue = ARENA_TRY_ARRAY(&p->arena, n, struct insn);
    p->input_slots = ARENA_TRY_ARRAY(&p->arena, l->c->g->input_n + 1, uint32_t);
    for (int t = 0; t < 2; t++)
        l->free_slots[t] = ARENA_TRY_ARRAY(&l->c->work, n, uint32_t);
    return p->arena.failed || l->c->work.failed ? -1 : 0;
}

/* Numbers first, strings behind them. */
static void settle_places(struct predictor *p)
{
    for (size_t s = 1; s < p->slot_n; s++) {
        uint32_t at = p->slot_at[s];
        p->slot_at[s] = at & TEXT_SLOT ? p->number_blocks * (uint32_t)sizeof(double) +
                                             (at & ~TEXT_SLOT) * (uint32_t)sizeof(str_t)
                                       : at * (uint32_t)sizeof(double);
    }
}

static void choose_block(struct predictor *p)
{
    size_t row = (p->number_blocks + 2 * (size_t)p->text_blocks) * 8,
           rows = CACHE_BYTES / MAX(row, (size_t)8);
    rows = rows & ~(size_t)7;
    p->block_rows = MAX(MIN(rows, (size_t)BLOCK_MAX), (size_t)BLOCK_MIN);
}

static void list_outputs(struct planner *l, const struct value *const *outputs)
{
    struct predictor *p = l->p;
    for (size_t k = 0; k < p->output_n; k++) {
        for (size_t j = 0; j < outputs[k]->width; j++) {
            const struct def *d = &l->c->defs[outputs[k]->columns[j]];
            p->columns[p->column_n++] = (struct output){ .slot = d->slot,
                                                         .index = (uint32_t)j,
                                                         .width = (uint32_t)outputs[k]->width,
                                                         .output = (uint32_t)k,
                                                         .is_text = d->is_text };
        }
    }
}

static int plan(struct planner *l, const struct value *const *outputs)
{
    struct compiler *c = l->c;
    struct predictor *p = l->p;
    size_t columns = 0;
    l->order = ARENA_TRY_ARRAY(&c->work, c->def_n + 1, uint32_t);
    l->stack = ARENA_TRY_ARRAY(&c->work, c->def_n * ARGS_MAX + 1, uint32_t);
    if (!l->order || !l->stack)
        return -1;
    for (size_t k = 0; k < p->output_n; k++) {
        columns += outputs[k]->width;
        for (size_t j = 0; j < outputs[k]->width; j++)
            put_in_order(l, outputs[k]->columns[j]);
    }
    count_uses(l);
    for (size_t k = 0; k < p->output_n; k++) {
        for (size_t j = 0; j < outputs[k]->width; j++)
            c->defs[outputs[k]->columns[j]].uses++; /* never given back */
    }
    p->columns = ARENA_TRY_ARRAY(&p->arena, columns + 1, struct output);
    if (!p->columns || make_room(l) < 0)
        return -1;
    l->next_slot = 1;
    for (size_t i = 0; i < l->order_n; i++)
        place_def(l, &c->defs[l->order[i]]);
    p->slot_n = l->next_slot;
    list_outputs(l, outputs);
    settle_places(p);
    choose_block(p);
    return p->arena.failed ? -1 : 0;
}

int plan_program(struct compiler *c, struct predictor *p, const struct value *const *outputs)
{
    struct planner l = { .c = c, .p = p };
    if (plan(&l, outputs) < 0)
        return ERR(c->err, ERR_LIMIT, "the model needs too much memory");
    p->kernels = kernels_select(&p->instruction_set);
    return 0;
}
