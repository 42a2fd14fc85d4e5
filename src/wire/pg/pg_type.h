/*
 * pg_type.h - what a column's bytes are: a tree, as PostgreSQL's types are.
 *
 *   numeric(10,2)[]                ARRAY ─▶ NUMERIC, typmod of (10,2)
 *   (id int, tags hstore)          COMPOSITE ─▶ INT4 "id", HSTORE "tags"
 *   int4range                      OTHER, as_text: the server is asked for its text
 *
 * Domains are gone: they are their base type. Enums are TEXT.
 *
 * Ownership  a type owns its names and children: mr_pg_type_release.
 * Thread     immutable once built.
 * Source     PostgreSQL "System Catalogs", pg_type; the *_send functions of src/backend/utils/adt
 */
#ifndef MR_WIRE_PG_TYPE_H
#define MR_WIRE_PG_TYPE_H

#include "millrace/batch.h"

enum mr_pg_wire {
    MR_PG_OTHER, /* bytes that we do not read: always as text */
    MR_PG_BOOL,
    MR_PG_INT2,
    MR_PG_INT4,
    MR_PG_INT8,
    MR_PG_FLOAT4,
    MR_PG_FLOAT8,
    MR_PG_NUMERIC,
    MR_PG_TEXT,
    MR_PG_BPCHAR,
    MR_PG_BYTEA,
    MR_PG_DATE,
    MR_PG_TIMESTAMP,
    MR_PG_TIMESTAMPTZ,
    MR_PG_TIME,
    MR_PG_TIMETZ,
    MR_PG_INTERVAL,
    MR_PG_UUID,
    MR_PG_JSONB,
    MR_PG_MONEY,
    MR_PG_OID,  /* and xid, cid: unsigned, 32 bits */
    MR_PG_XID8, /* unsigned, 64 bits */
    MR_PG_INET,
    MR_PG_CIDR,
    MR_PG_MACADDR, /* 6 or 8 bytes */
    MR_PG_BIT,
    MR_PG_EWKB, /* PostGIS geometry, geography */
    MR_PG_ARRAY,
    MR_PG_COMPOSITE,
    MR_PG_HSTORE
};
#define MR_PG_WIRES (MR_PG_HSTORE + 1)

/* How the server writes money: "-$1,234.56". */
struct mr_pg_money {
    uint8_t scale;                     /* digits after the point */
    uint8_t group;                     /* digits between separators; 0: none */
    char prefix[2][32], suffix[2][32]; /* [1]: of negative values */
    char point[8], separator[8];
};

struct mr_pg_type {
    enum mr_pg_wire wire;
    bool as_text;   /* the server sends the text of the value, as `::text` gives it */
    char delimiter; /* between elements in the text of an array of this: ',' but for box */
    unsigned oid;   /* as declared, for what record_send and array_send say */
    int typmod;     /* of the base type */
    char *name;     /* in the composite that it is a field of; else NULL */
    struct mr_pg_money *money;
    int n_children; /* ARRAY: the element; COMPOSITE: the fields */
    struct mr_pg_type *children;
};

/** mr_pg_base_type - a built-in type that has no parts; false when it is none that we decode. typmod as in pg_attribute. */
bool mr_pg_base_type(unsigned oid, int typmod, struct mr_pg_type *ret);
void mr_pg_type_copy(struct mr_pg_type *dst, const struct mr_pg_type *src); /* dst uninitialised */
void mr_pg_type_release(struct mr_pg_type *t);
/** mr_pg_type_asks - it or a part of it is asked for as text. */
bool mr_pg_type_asks(const struct mr_pg_type *t);
/** mr_pg_landing - type and children of the field that it lands as when nothing is pinned; f has neither yet. */
void mr_pg_landing(const struct mr_pg_type *t, struct mr_field *f);
/** mr_pg_type_doc - the i-th row of the table of types, of what is decoded; false: none. buf has MR_TYPE_TEXT bytes. */
bool mr_pg_type_doc(int i, char *buf, struct mr_type_doc *ret);
/** mr_pg_numeric_type - the decimal of a numeric's typmod; false: more than 38 digits. */
bool mr_pg_numeric_type(int typmod, struct mr_type *ret);
/** mr_pg_money_parse - how the server writes money, from what it makes of 1234567.89 in its smallest unit, both signs. */
bool mr_pg_money_parse(const char *plus, const char *minus, int scale, struct mr_pg_money *ret);

#endif
