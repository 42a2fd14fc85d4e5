/*
 * What        reading checked options
 * Guarantees  a key that the table does not have is a bug and stops the program
 */
#include "millrace/option.h"

#include <assert.h>
#include <string.h>

const struct mr_option_value *mr_option_get(const struct mr_options *o, const char *key)
{
    for (int i = 0; i < o->n; i++)
        if (strcmp(o->values[i].option->key, key) == 0)
            return &o->values[i];
    assert(!"option is not in the kind's table");
    return NULL;
}

const char *mr_option_str(const struct mr_options *o, const char *key)
{
    return mr_option_get(o, key)->str;
}

int64_t mr_option_int(const struct mr_options *o, const char *key)
{
    return mr_option_get(o, key)->num;
}

bool mr_option_bool(const struct mr_options *o, const char *key)
{
    return mr_option_get(o, key)->num != 0;
}
