/*
 * serial.h - one helper thread that makes calls in the order in which they were handed over.
 *
 * Bound      SERIAL_DEPTH calls wait at most; then mr_serial_do waits.
 * Thread     mr_serial_do and mr_serial_drain from any thread but the helper's own. The thread starts with the first call; when
 *            the system refuses it, calls are made at once by the caller, still one at a time.
 */
#ifndef MR_BASE_SERIAL_H
#define MR_BASE_SERIAL_H

struct mr_serial;

struct mr_serial *mr_serial_new(void);
/** mr_serial_free - after the last call was made; NULL-safe. */
void mr_serial_free(struct mr_serial *s);
/** mr_serial_do - fn(ctx) on the helper thread, for the profile of the thread that asks. */
void mr_serial_do(struct mr_serial *s, void (*fn)(void *ctx), void *ctx);
/** mr_serial_drain - returns when all that was handed over before has been done. */
void mr_serial_drain(struct mr_serial *s);

#endif
