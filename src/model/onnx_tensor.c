/* SPDX-License-Identifier: Apache-2.0
 * Reading the parts of an ONNX file that carry data: tensors, attributes, types of inputs and
 * outputs. Lists may be packed or not, as encoders differ. */
#include "model/onnx_int.h"

enum {
    TENSOR_DIM = 1,
    TENSOR_TYPE = 2,
    TENSOR_SEGMENT = 3,
    TENSOR_FLOATS = 4,
    TENSOR_INT32S = 5,
    TENSOR_STRINGS = 6,
    TENSOR_INT64S = 7,
    TENSOR_NAME = 8,
    TENSOR_RAW = 9,
    TENSOR_DOUBLES = 10,
    TENSOR_EXTERNAL = 13,
    TENSOR_LOCATION = 14,
    ATTRIBUTE_NAME = 1,
    ATTRIBUTE_F = 2,
    ATTRIBUTE_I = 3,
    ATTRIBUTE_S = 4,
    ATTRIBUTE_T = 5,
    ATTRIBUTE_FLOATS = 7,
    ATTRIBUTE_INTS = 8,
    ATTRIBUTE_STRINGS = 9,
    ATTRIBUTE_TYPE = 20,
    ATTRIBUTE_REF = 21
};

/* A repeated field being gathered: in a first pass only counted. */
struct list {
    size_t n;
    int64_t *ints;
    double *doubles;
    float *floats;
    str_t *strings;
};

static int take_varints(struct list *l, const struct pb_field *f)
{
    struct pb_in in;
    uint64_t v = 0;
    if (f->wire == PB_VARINT) {
        if (l->ints)
            l->ints[l->n] = pb_int64(f);
        l->n++;
        return 0;
    }
    if (f->wire != PB_BYTES)
        return -1;
    pb_in_init(&in, f->bytes);
    while (in.p < in.end) {
        if (pb_varint(&in, &v) < 0)
            return -1;
        if (l->ints)
            l->ints[l->n] = (int64_t)v;
        l->n++;
    }
    return 0;
}

static int take_fixed(struct list *l, const struct pb_field *f, size_t size)
{
    if (f->wire == (size == 8 ? PB_FIXED64 : PB_FIXED32)) {
        if (l->doubles)
            l->doubles[l->n] = size == 8 ? pb_double(f->value) : (double)pb_float(f->value);
        if (l->floats)
            l->floats[l->n] = pb_float(f->value);
        l->n++;
        return 0;
    }
    if (f->wire != PB_BYTES || f->bytes.n % size)
        return -1;
    size_t count = f->bytes.n / size;
    for (size_t i = 0; i < count; i++) {
        const char *p = f->bytes.p + i * size;
        if (l->doubles)
            l->doubles[l->n + i] = size == 8 ? pb_load_double(p) : (double)pb_load_float(p);
        if (l->floats)
            l->floats[l->n + i] = pb_load_float(p);
    }
    l->n += count;
    return 0;
}

static int take_string(struct list *l, const struct pb_field *f)
{
    if (f->wire != PB_BYTES)
        return -1;
    if (l->strings)
        l->strings[l->n] = f->bytes;
    l->n++;
    return 0;
}

/* Moves views into the file to one copy in the arena. */
static int own_strings(struct onnx_reader *r, str_t *v, size_t n)
{
    size_t total = 1;
    for (size_t i = 0; i < n; i++)
        total += v[i].n;
    char *bytes = arena_try_alloc(r->g->arena, total, 1);
    if (!bytes)
        return onnx__no_memory(r);
    for (size_t i = 0; i < n; i++) {
        if (v[i].n)
            memcpy(bytes, v[i].p, v[i].n);
        v[i].p = bytes;
        bytes += v[i].n;
    }
    return 0;
}

static int take_data(struct list *l, const struct pb_field *f)
{
    switch (f->number) {
    case TENSOR_FLOATS: return take_fixed(l, f, 4);
    case TENSOR_DOUBLES: return take_fixed(l, f, 8);
    case TENSOR_INT32S:
    case TENSOR_INT64S: return take_varints(l, f);
    case TENSOR_STRINGS: return take_string(l, f);
    default: return 0;
    }
}

/* The typed field that holds the data of a type. */
static uint32_t data_field(enum tensor_type t)
{
    switch (t) {
    case TENSOR_FLOAT: return TENSOR_FLOATS;
    case TENSOR_DOUBLE: return TENSOR_DOUBLES;
    case TENSOR_INT64: return TENSOR_INT64S;
    case TENSOR_STRING: return TENSOR_STRINGS;
    default: return TENSOR_INT32S;
    }
}

static size_t element_bytes(enum tensor_type t)
{
    switch (t) {
    case TENSOR_DOUBLE:
    case TENSOR_INT64: return 8;
    case TENSOR_FLOAT:
    case TENSOR_INT32: return 4;
    default: return 1;
    }
}

static int known_type(uint64_t t)
{
    return t == TENSOR_FLOAT || t == TENSOR_DOUBLE || t == TENSOR_INT64 || t == TENSOR_INT32 ||
           t == TENSOR_BOOL || t == TENSOR_STRING;
}

/* Memory for count elements of the tensor's type, reachable through l and through t. */
static int make_room(struct onnx_reader *r, struct tensor *t, struct list *l)
{
    struct arena *a = r->g->arena;
    *l = (struct list){ 0 };
    if (t->type == TENSOR_DOUBLE)
        t->doubles = l->doubles = ARENA_TRY_ARRAY(a, t->count + 1, double);
    else if (t->type == TENSOR_FLOAT)
        t->floats = l->floats = ARENA_TRY_ARRAY(a, t->count + 1, float);
    else if (t->type == TENSOR_STRING)
        t->strings = l->strings = ARENA_TRY_ARRAY(a, t->count + 1, str_t);
    else
        t->ints = l->ints = ARENA_TRY_ARRAY(a, t->count + 1, int64_t);
    return a->failed ? onnx__no_memory(r) : 0;
}

static int copy_raw(struct onnx_reader *r, struct tensor *t, str_t raw)
{
    struct list l;
    size_t size = element_bytes(t->type);
    if (t->type == TENSOR_STRING || raw.n / size != t->count || raw.n % size)
        return onnx__broken(r, r->where, "its raw data does not have the size that its shape says");
    int rc = make_room(r, t, &l);
    for (size_t i = 0; rc == 0 && i < t->count; i++) {
        const char *p = raw.p + i * size;
        switch (t->type) {
        case TENSOR_DOUBLE: l.doubles[i] = pb_load_double(p); break;
        case TENSOR_FLOAT: l.floats[i] = pb_load_float(p); break;
        case TENSOR_INT64: l.ints[i] = (int64_t)pb_load_u64(p); break;
        case TENSOR_INT32: l.ints[i] = (int32_t)pb_load_u32(p); break;
        default: l.ints[i] = *p != 0; break;
        }
    }
    return rc;
}

static int copy_typed(struct onnx_reader *r, struct tensor *t, str_t bytes)
{
    struct list l;
    struct pb_in in;
    struct pb_field f;
    int rc = make_room(r, t, &l);
    if (rc)
        return rc;
    pb_in_init(&in, bytes);
    while (pb_next(&in, &f) == 1) {
        if (f.number == data_field(t->type))
            IGNORE(take_data(&l, &f)); /* the counting pass has checked it */
    }
    for (size_t i = 0; i < l.n && t->type == TENSOR_INT32; i++)
        l.ints[i] = (int32_t)l.ints[i];
    for (size_t i = 0; i < l.n && t->type == TENSOR_BOOL; i++)
        l.ints[i] = l.ints[i] != 0;
    return t->type == TENSOR_STRING ? own_strings(r, l.strings, l.n) : 0;
}

/* What the first pass over a tensor finds. */
struct shape {
    int64_t dims[TENSOR_RANK_MAX];
    struct list all; /* of dims, counted */
    size_t count;    /* elements in typed fields */
    uint64_t type;
    uint32_t fields; /* bit n: typed field n is there */
    str_t raw;
    int has_raw, elsewhere;
};

static int take_dims(struct onnx_reader *r, const struct pb_field *f, struct shape *s)
{
    int64_t room[TENSOR_RANK_MAX + 1];
    struct list one = { 0 };
    if (take_varints(&one, f) < 0)
        return onnx__broken(r, r->where, "its shape is malformed");
    if (s->all.n + one.n > TENSOR_RANK_MAX)
        return ERR(r->err, ERR_INVALID, "%s has more than %d dimensions", r->where,
                   TENSOR_RANK_MAX);
    one = (struct list){ .ints = room };
    IGNORE(take_varints(&one, f));
    memcpy(s->dims + s->all.n, room, one.n * sizeof *room);
    s->all.n += one.n;
    return 0;
}

static int measure_field(struct onnx_reader *r, const struct pb_field *f, struct shape *s,
                         struct tensor *t)
{
    struct list counted = { 0 };
    switch (f->number) {
    case TENSOR_DIM: return take_dims(r, f, s);
    case TENSOR_TYPE: s->type = f->value; return 0;
    case TENSOR_NAME: {
        int rc = onnx__text(r, f, &t->name);
        if (rc == 0)
            (void)snprintf(r->where, sizeof r->where, "constant '%.200s'", t->name);
        return rc;
    }
    case TENSOR_RAW:
        s->raw = f->bytes;
        s->has_raw = f->wire == PB_BYTES;
        return 0;
    case TENSOR_SEGMENT:
    case TENSOR_EXTERNAL: s->elsewhere = 1; return 0;
    case TENSOR_LOCATION: s->elsewhere |= f->value != 0; return 0;
    default: break;
    }
    if (take_data(&counted, f) < 0)
        return onnx__broken(r, r->where, "its data is malformed");
    if (counted.n)
        s->fields |= 1U << (f->number & 31);
    s->count += counted.n;
    return 0;
}

static int settle_shape(struct onnx_reader *r, const struct shape *s, struct tensor *t)
{
    if (s->elsewhere)
        return ERR(r->err, ERR_INVALID,
                   "%s keeps its data in another file, which Slipway does not read; save the model "
                   "with its data inside",
                   r->where);
    if (!known_type(s->type))
        return ERR(r->err, ERR_INVALID,
                   "%s has ONNX element type %llu, which Slipway does not read", r->where,
                   (unsigned long long)s->type);
    t->type = (enum tensor_type)s->type;
    t->rank = (int)s->all.n;
    t->count = 1;
    for (int i = 0; i < t->rank; i++) {
        t->dims[i] = s->dims[i];
        if (t->dims[i] < 0 || __builtin_mul_overflow(t->count, (size_t)t->dims[i], &t->count))
            return onnx__broken(r, r->where, "its shape is negative or too large");
    }
    if (s->has_raw && s->fields)
        return onnx__broken(r, r->where, "it has its data twice");
    if (s->fields & ~(1U << data_field(t->type)))
        return onnx__broken(r, r->where, "its data is not of its type");
    if (!s->has_raw && s->count != t->count)
        return onnx__broken(r, r->where, "it does not have as many elements as its shape says");
    return 0;
}

int onnx__tensor(struct onnx_reader *r, str_t bytes, struct tensor *out)
{
    struct pb_in in;
    struct pb_field f;
    struct shape s = { 0 };
    int more;
    *out = (struct tensor){ .name = "" };
    pb_in_init(&in, bytes);
    while ((more = onnx__next(r, &in, &f, r->where)) == 1) {
        int rc = measure_field(r, &f, &s, out);
        if (rc)
            return rc;
    }
    if (more < 0)
        return more;
    int rc = settle_shape(r, &s, out);
    if (rc)
        return rc;
    return s.has_raw ? copy_raw(r, out, s.raw) : copy_typed(r, out, bytes);
}

/* ---- attributes ---- */

static int attribute_tensor(struct onnx_reader *r, str_t bytes, struct attribute *out)
{
    char where[sizeof r->where];
    memcpy(where, r->where, sizeof where);
    struct tensor *t = ARENA_NEW(r->g->arena, struct tensor);
    int rc = onnx__tensor(r, bytes, t);
    if (rc)
        return err_prefix(r->err, rc, "%s", where);
    memcpy(r->where, where, sizeof where);
    out->tensor = t;
    return 0;
}

/* One pass over the attribute: counts lists into l, or fills them when l has memory. */
static int scan_attribute(struct onnx_reader *r, str_t bytes, struct attribute *out, struct list *l,
                          uint64_t *type)
{
    struct pb_in in;
    struct pb_field f;
    int more;
    pb_in_init(&in, bytes);
    while ((more = onnx__next(r, &in, &f, r->where)) == 1) {
        int bad = 0;
        switch (f.number) {
        case ATTRIBUTE_NAME: bad = !*out->name && onnx__text(r, &f, &out->name); break;
        case ATTRIBUTE_F: out->number = (double)pb_float(f.value); break;
        case ATTRIBUTE_I: out->integer = pb_int64(&f); break;
        case ATTRIBUTE_S: out->string = f.bytes; break;
        case ATTRIBUTE_FLOATS: bad = *type == ATTR_FLOATS && take_fixed(l, &f, 4); break;
        case ATTRIBUTE_INTS: bad = *type == ATTR_INTS && take_varints(l, &f); break;
        case ATTRIBUTE_STRINGS: bad = *type == ATTR_STRINGS && take_string(l, &f); break;
        case ATTRIBUTE_REF:
            return onnx__broken(r, r->where, "it refers to an attribute of a function");
        default: break;
        }
        if (bad)
            return onnx__broken(r, r->where, "an attribute is malformed");
    }
    return more;
}

/* The type is the last field in most files: found before anything else is read. */
static int attribute_type(struct onnx_reader *r, str_t bytes, uint64_t *type, str_t *tensor)
{
    struct pb_in in;
    struct pb_field f;
    int more, last = 0;
    *type = 0;
    pb_in_init(&in, bytes);
    while ((more = onnx__next(r, &in, &f, r->where)) == 1) {
        if (f.number == ATTRIBUTE_TYPE && f.wire == PB_VARINT)
            *type = f.value;
        if (f.number == ATTRIBUTE_T && f.wire == PB_BYTES)
            *tensor = f.bytes;
        if (f.number >= ATTRIBUTE_F && f.number <= ATTRIBUTE_STRINGS)
            last = (int)f.number;
    }
    if (*type == 0 && last) /* IR versions before 2 leave it out: fields and kinds count alike */
        *type = (uint64_t)(last - 1);
    return more;
}

static int check_kind(struct onnx_reader *r, const struct attribute *a, uint64_t type)
{
    switch (type) {
    case ATTR_FLOAT:
    case ATTR_INT:
    case ATTR_STRING:
    case ATTR_TENSOR:
    case ATTR_FLOATS:
    case ATTR_INTS:
    case ATTR_STRINGS: return 0;
    default:
        return ERR(r->err, ERR_INVALID,
                   "%s: attribute '%.60s' is of kind %llu (a graph, a list of tensors or the "
                   "like), which Slipway does not read",
                   r->where, a->name, (unsigned long long)type);
    }
}

static int fill_lists(struct onnx_reader *r, str_t bytes, struct attribute *out, size_t n)
{
    struct arena *a = r->g->arena;
    struct list l = { 0 };
    uint64_t type = out->kind;
    if (type == ATTR_FLOATS)
        out->numbers = l.doubles = ARENA_TRY_ARRAY(a, n + 1, double);
    else if (type == ATTR_INTS)
        out->ints = l.ints = ARENA_TRY_ARRAY(a, n + 1, int64_t);
    else
        out->strings = l.strings = ARENA_TRY_ARRAY(a, n + 1, str_t);
    if (a->failed)
        return onnx__no_memory(r);
    int rc = scan_attribute(r, bytes, out, &l, &type);
    out->n = n;
    return rc == 0 && type == ATTR_STRINGS ? own_strings(r, l.strings, n) : rc;
}

int onnx__attribute(struct onnx_reader *r, const struct pb_field *f, struct attribute *out)
{
    uint64_t type = 0;
    str_t tensor = { 0 };
    struct list counted = { 0 };
    if (f->wire != PB_BYTES)
        return onnx__broken(r, r->where, "an attribute has the wrong wire type");
    *out = (struct attribute){ .name = "" };
    int rc = attribute_type(r, f->bytes, &type, &tensor);
    if (rc == 0)
        rc = scan_attribute(r, f->bytes, out, &counted, &type);
    if (rc == 0)
        rc = check_kind(r, out, type);
    if (rc)
        return rc;
    if (!*out->name)
        return onnx__broken(r, r->where, "an attribute has no name");
    out->kind = (enum attribute_kind)type;
    if (type == ATTR_TENSOR)
        return attribute_tensor(r, tensor, out);
    if (type == ATTR_FLOATS || type == ATTR_INTS || type == ATTR_STRINGS)
        return fill_lists(r, f->bytes, out, counted.n);
    return type == ATTR_STRING ? own_strings(r, &out->string, 1) : 0;
}

/* ---- types of inputs and outputs ---- */

/* The bytes of sub-message `number`; out->p stays NULL when it is absent. */
static int sub_message(struct onnx_reader *r, str_t bytes, uint32_t number, str_t *out)
{
    struct pb_in in;
    struct pb_field f;
    int more;
    *out = (str_t){ 0 };
    pb_in_init(&in, bytes);
    while ((more = onnx__next(r, &in, &f, r->where)) == 1) {
        if (f.number == number && f.wire == PB_BYTES)
            *out = f.bytes;
    }
    return more;
}

static int read_dim(struct onnx_reader *r, str_t bytes, int64_t *out)
{
    struct pb_in in;
    struct pb_field f;
    int more;
    *out = -1;
    pb_in_init(&in, bytes);
    while ((more = onnx__next(r, &in, &f, r->where)) == 1) {
        if (f.number == 1 && f.wire == PB_VARINT)
            *out = pb_int64(&f);
    }
    return more == 0 && *out < -1 ? onnx__broken(r, r->where, "its shape is negative") : more;
}

static int read_shape(struct onnx_reader *r, str_t bytes, struct tensor *out)
{
    struct pb_in in;
    struct pb_field f;
    int more;
    out->rank = 0;
    pb_in_init(&in, bytes);
    while ((more = onnx__next(r, &in, &f, r->where)) == 1) {
        if (f.number != 1 || f.wire != PB_BYTES)
            continue;
        if (out->rank == TENSOR_RANK_MAX)
            return ERR(r->err, ERR_INVALID, "%s has more than %d dimensions", r->where,
                       TENSOR_RANK_MAX);
        int rc = read_dim(r, f.bytes, &out->dims[out->rank++]);
        if (rc)
            return rc;
    }
    return more;
}

static int read_type(struct onnx_reader *r, str_t bytes, struct tensor *out)
{
    str_t tensor, shape;
    struct pb_in in;
    struct pb_field f;
    uint64_t element = 0;
    int more, rc = sub_message(r, bytes, 1, &tensor);
    if (rc)
        return rc;
    if (!tensor.p)
        return ERR(r->err, ERR_INVALID,
                   "%s is not a tensor (a sequence or map, as ZipMap makes them); convert the "
                   "model without it",
                   r->where);
    pb_in_init(&in, tensor);
    while ((more = onnx__next(r, &in, &f, r->where)) == 1) {
        if (f.number == 1 && f.wire == PB_VARINT)
            element = f.value;
    }
    if (more < 0)
        return more;
    if (!known_type(element))
        return ERR(r->err, ERR_INVALID,
                   "%s has ONNX element type %llu, which Slipway does not read", r->where,
                   (unsigned long long)element);
    out->type = (enum tensor_type)element;
    rc = sub_message(r, tensor, 2, &shape);
    return rc || !shape.p ? rc : read_shape(r, shape, out);
}

int onnx__value(struct onnx_reader *r, str_t bytes, struct tensor *out)
{
    struct pb_in in;
    struct pb_field f;
    str_t type = { 0 };
    int more;
    *out = (struct tensor){ .name = "", .rank = -1 };
    pb_in_init(&in, bytes);
    while ((more = onnx__next(r, &in, &f, r->where)) == 1) {
        if (f.number == 1 && onnx__text(r, &f, &out->name))
            return r->err->code;
        if (f.number == 2 && f.wire == PB_BYTES)
            type = f.bytes;
    }
    if (more < 0)
        return more;
    (void)snprintf(r->where, sizeof r->where, "input or output '%.200s'", out->name);
    return read_type(r, type, out);
}
