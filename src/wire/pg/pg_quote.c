/*
 * What        names and texts as they stand in a statement
 * Source      PostgreSQL "Lexical Structure"
 */
#include "base/buf.h"
#include "wire/pg/pg_conn.h"

char *mr_pg_quote(const char *name)
{
    struct mr_buf b = { 0 };
    mr_buf_put_quoted(&b, name, '"');
    return mr_buf_take(&b);
}

char *mr_pg_literal(const char *text)
{
    struct mr_buf b = { 0 };
    mr_buf_puts(&b, "E'");
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\')
            mr_buf_putc(&b, *text);
        mr_buf_putc(&b, *text);
    }
    mr_buf_putc(&b, '\'');
    return mr_buf_take(&b);
}
