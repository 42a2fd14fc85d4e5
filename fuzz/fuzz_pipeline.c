/* fuzz_pipeline.c - any bytes as a pipeline file: a checked struct or one error, never a crash. */
#include <string.h>

#include "base/buf.h"
#include "cli/cli.h"
#include "spec/pipeline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct mr_pipeline *p = NULL;
    struct mr_error err = { 0 };
    const struct mr_pipeline_overrides over = { .lake = "/nonexistent/lake" };
    if (memmem(data, n, "${file:", 7))
        return 0; /* would read files of this machine */
    if (mr_pipeline_parse((const char *)data, n, "fuzz.yml", &mr_registry, &over, &p, &err) ==
        MR_OK)
        mr_pipeline_free(p);
    else if (err.code == MR_OK || !err.message[0])
        __builtin_trap(); /* an error must say something */
    return 0;
}
