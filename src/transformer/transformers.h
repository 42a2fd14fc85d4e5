/* transformers.h - the row-wise steps of this room, and what they share. */
#ifndef MR_TRANSFORMER_TRANSFORMERS_H
#define MR_TRANSFORMER_TRANSFORMERS_H

#include "millrace/transformer.h"

extern const struct mr_transformer_type mr_transformer_select;
extern const struct mr_transformer_type mr_transformer_rename;
extern const struct mr_transformer_type mr_transformer_filter;
extern const struct mr_transformer_type mr_transformer_sql;

/** mr_unknown_column - the error for a name that `in` does not have, with the columns that there are. */
enum mr_code mr_unknown_column(const struct mr_option_value *v, const char *step, const char *name,
                               const struct mr_schema *in, struct mr_error *err);

#endif
