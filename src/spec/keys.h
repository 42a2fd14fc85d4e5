/*
 * keys.h - which keys a pipeline file has, and the parts of spec that pipeline.c puts together.
 */
#ifndef MR_SPEC_KEYS_H
#define MR_SPEC_KEYS_H

#include "spec/pipeline.h"
#include "spec/yaml_tree.h"

extern const struct mr_option mr_keys_top[], mr_keys_consumer[], mr_keys_loader[];
/* Keys of the design that are not built: a clear word instead of "unknown". NULL-terminated. */
extern const char *const mr_planned_top[],
    *const mr_planned_consumer[], *const mr_planned_loader[], *const mr_planned_transformers[];

bool mr_key_planned(const char *const *list, const char *key);
/** mr_structure_keys - keys whose value is not an option (consumer, tables, ...), NULL-terminated. */
const char *const *mr_structure_keys(const char *where);

/** mr_url_password - the password in user:password@ or ?password=; NULL when none; mr_free. */
char *mr_url_password(const char *url);
/** mr_url_without_password - the same URL without it; mr_free. */
char *mr_url_without_password(const char *url);

/** mr_project_of - find millrace.yml above `file`; fills lake, state_dir, project_file, env of p and base_dir. */
MR_CHECK enum mr_code mr_project_of(const char *file, const char *lake_override, const char *env,
                                    struct mr_pipeline *p, char **ret_base_dir,
                                    struct mr_error *err);
MR_CHECK enum mr_code mr_path_template_check(const char *t, const char *file,
                                             const struct mr_yaml *y, struct mr_error *err);

#endif
