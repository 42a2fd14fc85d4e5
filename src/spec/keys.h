/*
 * keys.h - which keys a pipeline file has, and the parts of spec that pipeline.c puts together.
 */
#ifndef MR_SPEC_KEYS_H
#define MR_SPEC_KEYS_H

#include "spec/pipeline.h"
#include "spec/yaml_tree.h"

/* In the order of enum mr_on_bad. */
#define MR_ON_BAD_CHOICES "rescue|null|clamp|round|fail"

extern const struct mr_option mr_keys_top[], mr_keys_consumer[], mr_keys_loader[], mr_keys_table[],
    mr_keys_column[];
/* Keys of the design that are not built: a clear word instead of "unknown". NULL-terminated. */
extern const char *const mr_planned_top[],
    *const mr_planned_consumer[], *const mr_planned_loader[], *const mr_planned_transformers[],
                                                                  *const mr_planned_table[],
                                                                      *const mr_planned_none[];
/* What `defaults:` may have. */
extern const char *const mr_default_keys[];
/* Keys whose value is not an option (consumer, tables, ...), NULL-terminated. */
extern const char *const mr_structure_top[],
    *const mr_structure_consumer[], *const mr_structure_table[], *const mr_structure_none[];

bool mr_key_planned(const char *const *list, const char *key);

/** mr_url_password - the password in user:password@ or ?password=; NULL when none; mr_free. */
char *mr_url_password(const char *url);
/** mr_url_without_password - the same URL without it; mr_free. */
char *mr_url_without_password(const char *url);
/** mr_url_has_secret - a password, or the one of a client's key. */
bool mr_url_has_secret(const char *url);
/** mr_url_hide - from now on nothing secret of this URL is printed (mr_secret_add). */
void mr_url_hide(const char *url);
/** mr_url_check - SPEC04 when a password would be cut in two by an @ or / of its own; err has no word of it. */
MR_CHECK enum mr_code mr_url_check(const char *url, struct mr_error *err);

/** mr_project_of - find millrace.yml above `file`; fills lake, state_dir, project_file, env of p and base_dir.
 *  *ret_doc is the file's tree, NULL when there is none. */
MR_CHECK enum mr_code mr_project_of(const char *file, const char *lake_override, const char *env,
                                    struct mr_pipeline *p, char **ret_base_dir,
                                    struct mr_yaml **ret_doc, struct mr_error *err);
MR_CHECK enum mr_code mr_path_template_check(const char *t, const char *file,
                                             const struct mr_yaml *y, struct mr_error *err);
/** mr_type_pin_parse - a type as people write it (bigint, numeric(12,2), array<text>) into type and children of ret. */
bool mr_type_pin_parse(const char *text, struct mr_field *ret);
/** mr_type_near - the type's word that is nearest to the text's first one, or NULL. */
const char *mr_type_near(const char *text);
/** mr_column_rule_check - what is wished of a column makes sense for what it lands as. */
MR_CHECK enum mr_code mr_column_rule_check(const struct mr_column_rule *c,
                                           const struct mr_field *lands, const char *file,
                                           struct mr_error *err);
void mr_table_rule_release(struct mr_table_rule *r);

#endif
