/*
 * near.h - "did you mean": the word that a slip was meant to be.
 *
 * Thread     any.
 */
#ifndef MR_BASE_NEAR_H
#define MR_BASE_NEAR_H

/** mr_did_you_mean - the nearest of the NULL-terminated words, or NULL when none is near. */
const char *mr_did_you_mean(const char *word, const char *const *words);

#endif
