/*
 * yaml_tree.h - YAML 1.2 subset as a small tree in which everything knows its line and column.
 *
 * Limits     1 MiB, depth 32, no anchors, aliases, tags, second documents or duplicate keys.
 * Ownership  mr_yaml_free frees the whole tree.
 * Source     libyaml's event API (its document API is quadratic on deep nesting)
 */
#ifndef MR_SPEC_YAML_TREE_H
#define MR_SPEC_YAML_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "millrace/error.h"

enum mr_yaml_kind { MR_YAML_SCALAR, MR_YAML_LIST, MR_YAML_MAP };

struct mr_yaml {
    enum mr_yaml_kind kind;
    const char *file; /* as given to mr_yaml_parse, which does not copy it */
    int line, column; /* from 1 */
    char *text;       /* scalar */
    bool plain;       /* scalar without quotes */
    int n;
    struct mr_yaml **keys;  /* map: scalars */
    struct mr_yaml **items; /* list and map values */
};

/** mr_yaml_parse - the tree of one document; NULL tree for an empty one. `file` is for messages and outlives the tree. */
MR_CHECK enum mr_code mr_yaml_parse(const char *text, size_t n, const char *file,
                                    struct mr_yaml **ret, struct mr_error *err);
void mr_yaml_free(struct mr_yaml *y);
/** mr_yaml_get - the value of a key; NULL when it is not there or y is no map. */
struct mr_yaml *mr_yaml_get(const struct mr_yaml *y, const char *key);
/** mr_yaml_take - a map's entry i, key and value, to the end of another map. */
void mr_yaml_take(struct mr_yaml *to, struct mr_yaml *from, int i);
/** mr_yaml_drop - remove a map's entry i. */
void mr_yaml_drop(struct mr_yaml *y, int i);
/** mr_yaml_substitute - ${NAME}, ${NAME:-default}, ${file:/path}, $$ in every scalar value below y. */
MR_CHECK enum mr_code mr_yaml_substitute(struct mr_yaml *y, struct mr_error *err);

#endif
