/* list.h - every transformer: MR_TRANSFORMER(name) for mr_transformer_<name>. */
MR_TRANSFORMER(select)
MR_TRANSFORMER(rename)
MR_TRANSFORMER(filter)
MR_TRANSFORMER(sql)
