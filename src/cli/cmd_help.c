/*
 * What        help, version, schema, debug: what the program says about itself, all from its tables
 */
#include <string.h>

#include "base/fault.h"
#include "cli/cli.h"

static int help_all(void)
{
    puts(
        "millrace moves databases into a lake of open tables (Parquet and Delta Lake), and answers SQL.\n");
    for (const struct mr_command *c = mr_commands; c->name; c++)
        if (strcmp(c->name, "debug") != 0)
            printf("  %-9s %-16s %s\n", c->name, c->usage, c->summary);
    puts(
        "\nThree lines are a pipeline:\n\n  pipeline: shop\n  consumer:\n    url: postgresql://me@db/shop\n");
    puts("millrace help COMMAND; millrace help consumer KIND; millrace help transformers;\n"
         "millrace help loader; millrace help errors [CODE]");
    return 0;
}

static int help_command(const struct mr_command *c)
{
    printf("millrace %s %s\n  %s\n", c->name, c->usage, c->summary);
    for (const struct mr_flag *f = c->flags; f->name; f++) {
        char left[48];
        snprintf(left, sizeof left, "%s--%s %s",
                 f->short_name == 'c'   ? "-c, "
                 : f->short_name == 'f' ? "-f, "
                                        : "",
                 f->name, f->value ? f->value : "");
        printf("  %-26s %s\n", left, f->doc);
    }
    return 0;
}

static void print_options(const char *title, const char *name, const struct mr_option *table)
{
    struct mr_buf b = { 0 };
    mr_spec_help_options(table, &b);
    printf("%s: %s\n%s", name, title, mr_buf_str(&b));
    mr_buf_release(&b);
}

static int help_consumer(const char *kind)
{
    bool found = false;
    for (int i = 0; mr_registry.consumers[i]; i++) {
        const struct mr_consumer_type *t = mr_registry.consumers[i];
        if (kind && strcmp(kind, t->name) != 0)
            continue;
        print_options(t->title, t->name, t->options);
        found = true;
    }
    return found ? 0 : mr_usage_error("there is no source '%s'", kind);
}

static int help_transformers(void)
{
    for (int i = 0; mr_registry.transformers[i]; i++) {
        const struct mr_transformer_type *t = mr_registry.transformers[i];
        printf("  %-10s %s\n             %s\n", t->name, t->title, t->option.doc);
    }
    return 0;
}

static int help_loader(void)
{
    static const char *const classes[] = { "atomic", "replace", "append-once", "at-least-once" };
    for (int i = 0; mr_registry.loaders[i]; i++) {
        const struct mr_loader_type *t = mr_registry.loaders[i];
        printf("(%s) ", classes[t->class_]);
        print_options(t->title, t->name, t->options);
    }
    return 0;
}

static int help_errors(const char *code)
{
    if (!code) {
        for (int i = 1; i < MR_ID_COUNT; i++)
            printf("  %-14s %s\n", mr_error_lookup((enum mr_error_id)i)->name,
                   mr_error_lookup((enum mr_error_id)i)->title);
        return 0;
    }
    enum mr_error_id id = mr_error_find(code);
    if (id == MR_ID_NONE)
        return mr_usage_error("there is no error %s; millrace help errors lists them", code);
    const struct mr_error_info *e = mr_error_lookup(id);
    printf("%s: %s\n  %s\n", e->name, e->title, e->help);
    return 0;
}

int mr_cmd_help(const struct mr_args *a)
{
    const char *topic = a->n ? a->items[0] : NULL, *what = a->n > 1 ? a->items[1] : NULL;
    if (!topic)
        return help_all();
    for (const struct mr_command *c = mr_commands; c->name; c++)
        if (strcmp(c->name, topic) == 0)
            return help_command(c);
    if (strcmp(topic, "consumer") == 0)
        return help_consumer(what);
    if (strcmp(topic, "transformers") == 0 || strcmp(topic, "transformer") == 0)
        return help_transformers();
    if (strcmp(topic, "loader") == 0)
        return help_loader();
    if (strcmp(topic, "errors") == 0 || strcmp(topic, "error") == 0)
        return help_errors(what);
    if (mr_error_find(topic) != MR_ID_NONE)
        return help_errors(topic);
    return mr_usage_error(
        "no help on '%s'; topics are the commands, consumer, transformers, loader, "
        "errors",
        topic);
}

int mr_cmd_version(const struct mr_args *a)
{
    (void)a;
    puts("millrace " MR_VERSION);
    return 0;
}

int mr_cmd_schema(const struct mr_args *a)
{
    struct mr_buf b = { 0 };
    (void)a;
    mr_spec_json_schema(&mr_registry, &b);
    puts(b.data);
    mr_buf_release(&b);
    return 0;
}

int mr_cmd_debug(const struct mr_args *a)
{
    if (strcmp(a->items[0], "faultpoints") != 0)
        return mr_usage_error("usage: millrace debug faultpoints");
    for (int i = 0; i < MR_FP_COUNT; i++)
        printf("%-20s %s\n", mr_fault_name((enum mr_fault_point)i),
               mr_fault_doc((enum mr_fault_point)i));
    return 0;
}
