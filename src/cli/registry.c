/*
 * What        the one place that knows which kinds exist
 */
#include "cli/cli.h"

#define MR_CONSUMER(name) extern const struct mr_consumer_type mr_consumer_##name;
#define MR_TRANSFORMER(name) extern const struct mr_transformer_type mr_transformer_##name;
#define MR_LOADER(name) extern const struct mr_loader_type mr_loader_##name;
#include "consumer/list.h"
#include "loader/list.h"
#include "transformer/list.h"
#undef MR_CONSUMER
#undef MR_TRANSFORMER
#undef MR_LOADER

#define MR_CONSUMER(name) &mr_consumer_##name,
#define MR_TRANSFORMER(name) &mr_transformer_##name,
#define MR_LOADER(name) &mr_loader_##name,
static const struct mr_consumer_type *const g_consumers[] = {
#include "consumer/list.h"
    NULL
};
static const struct mr_transformer_type *const g_transformers[] = {
#include "transformer/list.h"
    NULL
};
static const struct mr_loader_type *const g_loaders[] = {
#include "loader/list.h"
    NULL
};

const struct mr_registry mr_registry = { g_consumers, g_transformers, g_loaders };
