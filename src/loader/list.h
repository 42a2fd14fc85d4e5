/* list.h - every target: MR_LOADER(name) for mr_loader_<name>. */
MR_LOADER(delta)
