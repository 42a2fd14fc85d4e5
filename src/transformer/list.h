/* list.h - every transformer: MR_TRANSFORMER(name) for mr_transformer_<name>. */
