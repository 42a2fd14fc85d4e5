/* list.h - every source: MR_CONSUMER(name) for mr_consumer_<name>. */
MR_CONSUMER(sqlite)
MR_CONSUMER(postgres)
