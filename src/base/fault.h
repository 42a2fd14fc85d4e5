/*
 * fault.h - named points at which a test can kill, fail or delay the program.
 *
 *   MR_FAULT='delta.commit.linked@3=kill'      kill -9 oneself at the third pass
 *   MR_FAULT='store.put.synced=eio,pipe.commit.before=sleep:500'
 *
 * Actions   kill | stop (SIGSTOP) | eio | enospc | sleep:<ms> | off (a rule that asks mr_fault_off is switched off)
 * Cost      one load and a predicted branch when MR_FAULT is not set.
 * Thread    any. Points are listed in fault_points.def; `millrace debug faultpoints` prints them.
 */
#ifndef MR_BASE_FAULT_H
#define MR_BASE_FAULT_H

#include <stdbool.h>

enum mr_fault_point {
#define MR_POINT(id, name, doc) MR_FP_##id,
#include "base/fault_points.def"
#undef MR_POINT
    MR_FP_COUNT
};

/** mr_fault_hit - pass a point; 0, or the errno that the caller must act as if it had got. */
int mr_fault_hit(enum mr_fault_point p);
/** mr_fault_off - true when a test switched this rule off (negative controls). */
bool mr_fault_off(enum mr_fault_point p);
const char *mr_fault_name(enum mr_fault_point p);
const char *mr_fault_doc(enum mr_fault_point p);

#endif
