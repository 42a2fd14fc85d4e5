/*
 * What        help, version, schema, debug: what the program says about itself, all from its tables
 */
#include <string.h>

#include "base/fault.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "column/schema.h"
#include "spec/keys.h"

static int help_all(void)
{
    puts(
        "millrace moves databases into a lake of open tables (Parquet and Delta Lake), and answers SQL.\n");
    for (const struct mr_command *c = mr_commands; c->name; c++)
        if (strcmp(c->name, "debug") != 0)
            printf("  %-9s %-16s %s\n", c->name, c->usage, c->summary);
    puts(
        "\nThree lines are a pipeline:\n\n  pipeline: shop\n  consumer:\n    url: postgresql://me@db/shop\n");
    puts("millrace help COMMAND; millrace help pipeline; millrace help consumer KIND;\n"
         "millrace help tables; millrace help columns; millrace help transformers;\n"
         "millrace help loader; millrace help types; millrace help errors [CODE]");
    return 0;
}

static int help_command(const struct mr_command *c)
{
    printf("millrace %s%s%s\n  %s\n", c->name, *c->usage ? " " : "", c->usage, c->summary);
    for (const struct mr_flag *f = c->flags; f->name; f++) {
        char left[48];
        snprintf(left, sizeof left, "%s--%s %s",
                 f->short_name == 'c'   ? "-c, "
                 : f->short_name == 'f' ? "-f, "
                                        : "",
                 f->name, f->value ? f->value : "");
        struct mr_buf doc = { 0 };
        mr_buf_wrap(&doc, f->doc, 24);
        printf("  %-21s %s\n", left, doc.data);
        mr_buf_release(&doc);
    }
    return 0;
}

static void print_options(const char *title, const char *name, const struct mr_option *table)
{
    struct mr_buf b = { 0 };
    char *head = mr_asprintf("%s: %s", name, title);
    mr_buf_wrap(&b, head, 0);
    mr_buf_putc(&b, '\n');
    mr_spec_help_options(table, &b);
    fputs(mr_buf_str(&b), stdout);
    mr_free(head);
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
    if (found) {
        print_options("keys of every source", "consumer", mr_keys_consumer);
        puts("  tables            Which, and what is wanted of them: millrace help tables.");
    }
    return found ? 0 : mr_usage_error("there is no source '%s'", kind);
}

static int help_transformers(void)
{
    for (int i = 0; mr_registry.transformers[i]; i++) {
        const struct mr_transformer_type *t = mr_registry.transformers[i];
        struct mr_buf b = { 0 };
        mr_buf_wrap(&b, t->option.doc, 13);
        printf("  %-10s %s\n             %s\n", t->name, t->title, b.data);
        mr_buf_release(&b);
    }
    return 0;
}

static int help_loader(void)
{
    static const char *const classes[] = { "rows and position are one commit",
                                           "replaces what is there", "appends each row once",
                                           "may repeat rows" };
    for (int i = 0; mr_registry.loaders[i]; i++) {
        const struct mr_loader_type *t = mr_registry.loaders[i];
        char *title = mr_asprintf("%s; %s", t->title, classes[t->class_]);
        print_options(title, t->name, t->options);
        mr_free(title);
    }
    print_options("keys of every target", "loader", mr_keys_loader);
    return 0;
}

static int help_pipeline(void)
{
    print_options("keys at the top of a file", "pipeline", mr_keys_top);
    puts("  defaults          memory, max_value, resume_window, consumer and loader for\n"
         "                    what the file itself leaves out; in millrace.yml, for all\n"
         "                    pipelines below it.\n"
         "  consumer          Where rows come from: millrace help consumer.\n"
         "  transformers      What happens to them: millrace help transformers.\n"
         "  loader            Where they go: millrace help loader.");
    return 0;
}

static int help_tables(void)
{
    puts("tables: a list of patterns, or a map; * is any text, the most specific entry wins,\n"
         "and views are read when an entry names them (\"*\" alone does not)\n\n"
         "  tables:\n"
         "    public.*:\n"
         "    public.audit_*: skip\n"
         "    public.orders: {where: total > 0, columns: {note: skip}}\n"
         "    recent: {query: \"SELECT id, total FROM orders\", key: [id]}\n");
    print_options("settings of one entry", "tables", mr_keys_table);
    puts("  columns           What is wanted of single columns: millrace help columns.");
    return 0;
}

static int help_columns(void)
{
    puts("columns: a map under an entry of tables, by the source's names of the columns\n\n"
         "  columns:\n"
         "    note: skip\n"
         "    total: decimal(12,2)\n"
         "    created_at: {type: timestamp, parquet: int96, required: true}\n");
    print_options("settings of one column", "columns", mr_keys_column);
    puts("\nTypes: boolean, byte, short, integer, long, float, double, decimal(p,s), date,\n"
         "timestamp, timestamp_ntz, string, binary, array<T>, map<K,V>, struct<a:T,b:T>;\n"
         "SQL's words for them (bigint, numeric(p,s), text, timestamptz, ...) are understood.");
    return 0;
}

/* As Markdown: docs/types.md has these tables. */
static int help_types(void)
{
    char buf[MR_TYPE_TEXT];
    struct mr_type_doc d;
    for (int i = 0; mr_registry.consumers[i]; i++) {
        const struct mr_consumer_type *t = mr_registry.consumers[i];
        if (!t->type_doc)
            continue;
        printf("%s%s\n\n| type | in Delta | notes |\n|---|---|---|\n", i ? "\n" : "", t->name);
        for (int k = 0; t->type_doc(k, buf, &d); k++)
            printf("| %s | %s | %s%s|\n", d.source, d.lands, d.notes, *d.notes ? " " : "");
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
    struct mr_buf b = { 0 };
    mr_buf_wrap(&b, e->help, 2);
    printf("%s: %s\n  %s\n", e->name, e->title, b.data);
    mr_buf_release(&b);
    return 0;
}

int mr_cmd_help(const struct mr_args *a)
{
    const char *topic = a->n ? a->items[0] : NULL, *what = a->n > 1 ? a->items[1] : NULL;
    if (!topic)
        return help_all();
    static const struct {
        const char *name;
        int (*print)(void);
    } topics[] = { { "pipeline", help_pipeline }, { "tables", help_tables },
                   { "columns", help_columns },   { "transformers", help_transformers },
                   { "loader", help_loader },     { "transformer", help_transformers },
                   { "types", help_types } };
    bool found = false; /* `tables` is a command and a key */
    for (const struct mr_command *c = mr_commands; c->name; c++)
        if (strcmp(c->name, topic) == 0)
            found = help_command(c) == 0;
    for (size_t i = 0; i < sizeof topics / sizeof *topics; i++)
        if (strcmp(topics[i].name, topic) == 0) {
            if (found)
                putchar('\n');
            found = topics[i].print() == 0;
        }
    if (found)
        return 0;
    if (strcmp(topic, "consumer") == 0)
        return help_consumer(what);
    if (strcmp(topic, "errors") == 0 || strcmp(topic, "error") == 0)
        return help_errors(what);
    if (mr_error_find(topic) != MR_ID_NONE)
        return help_errors(topic);
    return mr_usage_error(
        "no help on '%s'; topics are the commands, pipeline, consumer, tables, columns, "
        "transformers, loader, types, errors",
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
