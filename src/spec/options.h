/*
 * options.h - checks a YAML map against an options table.
 */
#ifndef MR_SPEC_OPTIONS_H
#define MR_SPEC_OPTIONS_H

#include "millrace/option.h"
#include "spec/yaml_tree.h"

/** mr_options_init - every value of the table at its default. */
void mr_options_init(struct mr_options *o, const struct mr_option *table);
void mr_options_release(struct mr_options *o);
void mr_option_value_release(struct mr_option_value *v);
/** mr_option_parse - one value from its node. base_dir makes PATHs absolute. */
MR_CHECK enum mr_code mr_option_parse(const struct mr_option *option, const struct mr_yaml *node,
                                      const char *base_dir, struct mr_option_value *ret,
                                      struct mr_error *err);
/** mr_option_choice - which of an ENUM's choices it is, from 0; -1 when it was not said and has no default. */
int mr_option_choice(const struct mr_options *o, const char *key);
/** mr_options_set - parse `node` into the value of `key`; false in *ret_known when the table has no such key. */
MR_CHECK enum mr_code mr_options_set(struct mr_options *o, const char *key,
                                     const struct mr_yaml *node, const char *base_dir,
                                     bool *ret_known, struct mr_error *err);
/** mr_options_check - every required value is there. `where` names the map. */
MR_CHECK enum mr_code mr_options_check(const struct mr_options *o, const char *file,
                                       const struct mr_yaml *map, const char *where,
                                       struct mr_error *err);

#endif
