/* SPDX-License-Identifier: Apache-2.0
 * The protobuf wire format, reading and writing. Pure functions on bytes; any thread. */
#include "codec/pb.h"

enum { FIELD_MAX = (1 << 29) - 1, VARINT_MAX = 10 };

static int refuse(struct pb_in *in, const char *why)
{
    in->why = why;
    return -1;
}

void pb_in_init(struct pb_in *in, str_t bytes)
{
    static const unsigned char none[1];
    in->p = bytes.n ? (const unsigned char *)bytes.p : none;
    in->end = in->p + bytes.n;
    in->why = NULL;
}

int pb_varint(struct pb_in *in, uint64_t *out)
{
    uint64_t v = 0;
    if (in->why)
        return -1;
    for (int i = 0; i < VARINT_MAX; i++) {
        if (in->p == in->end)
            return refuse(in, "number cut off");
        unsigned char c = *in->p++;
        if (i == VARINT_MAX - 1 && c > 1)
            return refuse(in, "number longer than 64 bits");
        v |= (uint64_t)(c & 127) << (7 * i);
        if (c < 128) {
            *out = v;
            return 0;
        }
    }
    return refuse(in, "number longer than 64 bits");
}

static int fixed(struct pb_in *in, size_t n, uint64_t *out)
{
    if ((size_t)(in->end - in->p) < n)
        return refuse(in, "fixed-size number cut off");
    *out = n == 8 ? pb_load_u64((const char *)in->p) : pb_load_u32((const char *)in->p);
    in->p += n;
    return 1;
}

int pb_next(struct pb_in *in, struct pb_field *out)
{
    uint64_t tag = 0, length = 0;
    if (in->why)
        return -1;
    if (in->p == in->end)
        return 0;
    if (pb_varint(in, &tag) < 0)
        return -1;
    if (tag >> 3 == 0 || tag >> 3 > FIELD_MAX)
        return refuse(in, "field number out of range");
    *out = (struct pb_field){ .number = (uint32_t)(tag >> 3) };
    switch (tag & 7) {
    case PB_VARINT: out->wire = PB_VARINT; return pb_varint(in, &out->value) < 0 ? -1 : 1;
    case PB_FIXED64: out->wire = PB_FIXED64; return fixed(in, 8, &out->value);
    case PB_FIXED32: out->wire = PB_FIXED32; return fixed(in, 4, &out->value);
    case PB_BYTES:
        out->wire = PB_BYTES;
        if (pb_varint(in, &length) < 0)
            return -1;
        if (length > (uint64_t)(in->end - in->p))
            return refuse(in, "length past the end");
        out->bytes = (str_t){ (const char *)in->p, (size_t)length };
        in->p += length;
        return 1;
    default: return refuse(in, "wire type not in use");
    }
}

uint32_t pb_load_u32(const char *p)
{
    const unsigned char *u = (const unsigned char *)p;
    return (uint32_t)u[0] | (uint32_t)u[1] << 8 | (uint32_t)u[2] << 16 | (uint32_t)u[3] << 24;
}

uint64_t pb_load_u64(const char *p)
{
    return (uint64_t)pb_load_u32(p) | (uint64_t)pb_load_u32(p + 4) << 32;
}

float pb_float(uint64_t bits)
{
    uint32_t low = (uint32_t)bits;
    float v;
    memcpy(&v, &low, sizeof v);
    return v;
}

double pb_double(uint64_t bits)
{
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

float pb_load_float(const char *p)
{
    return pb_float(pb_load_u32(p));
}

double pb_load_double(const char *p)
{
    return pb_double(pb_load_u64(p));
}

static size_t varint_encode(uint64_t v, char out[VARINT_MAX])
{
    size_t n = 0;
    while (v >= 128) {
        out[n++] = (char)(v | 128);
        v >>= 7;
    }
    out[n++] = (char)v;
    return n;
}

void pb_put_varint(struct buf *b, uint64_t v)
{
    char bytes[VARINT_MAX];
    buf_put(b, bytes, varint_encode(v, bytes));
}

static void put_tag(struct buf *b, uint32_t number, enum pb_wire wire)
{
    pb_put_varint(b, (uint64_t)number << 3 | wire);
}

void pb_put_int(struct buf *b, uint32_t number, int64_t v)
{
    put_tag(b, number, PB_VARINT);
    pb_put_varint(b, (uint64_t)v);
}

void pb_store_u32(struct buf *b, uint32_t v)
{
    char bytes[4];
    for (int i = 0; i < 4; i++)
        bytes[i] = (char)(v >> (8 * i));
    buf_put(b, bytes, sizeof bytes);
}

void pb_store_u64(struct buf *b, uint64_t v)
{
    pb_store_u32(b, (uint32_t)v);
    pb_store_u32(b, (uint32_t)(v >> 32));
}

void pb_put_float(struct buf *b, uint32_t number, float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    put_tag(b, number, PB_FIXED32);
    pb_store_u32(b, bits);
}

void pb_put_double(struct buf *b, uint32_t number, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    put_tag(b, number, PB_FIXED64);
    pb_store_u64(b, bits);
}

void pb_put_str(struct buf *b, uint32_t number, str_t s)
{
    put_tag(b, number, PB_BYTES);
    pb_put_varint(b, s.n);
    buf_str(b, s);
}

void pb_put_cstr(struct buf *b, uint32_t number, const char *z)
{
    if (z)
        pb_put_str(b, number, str_of(z));
}

size_t pb_begin(struct buf *b, uint32_t number)
{
    put_tag(b, number, PB_BYTES);
    return b->n;
}

/* The length is only known now: the content moves up to make room for it. */
void pb_end(struct buf *b, size_t begun)
{
    char bytes[VARINT_MAX];
    if (b->failed || b->n < begun)
        return;
    size_t content = b->n - begun, n = varint_encode(content, bytes);
    if (!buf_reserve(b, n))
        return;
    memmove(b->p + begun + n, b->p + begun, content);
    memcpy(b->p + begun, bytes, n);
    b->n += n;
    b->p[b->n] = '\0';
}
