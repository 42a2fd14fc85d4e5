/*
 * What        the switchboard of fault points
 * Gets        MR_FAULT, read once
 * Guarantees  no effect and no lock when MR_FAULT is unset
 */
#include "base/fault.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum act { ACT_NONE, ACT_KILL, ACT_STOP, ACT_ERRNO, ACT_SLEEP, ACT_OFF };

struct point {
    enum act act;
    long arg; /* errno or ms */
    long at;  /* n-th pass, 0: every pass */
    atomic_long hits;
};

static const struct {
    const char *name, *doc;
} g_names[MR_FP_COUNT] = {
#define MR_POINT(id, name, doc) [MR_FP_##id] = { name, doc },
#include "base/fault_points.def"
#undef MR_POINT
};

static struct point g_points[MR_FP_COUNT];
static atomic_bool g_armed;
static pthread_once_t g_once = PTHREAD_ONCE_INIT;

static _Noreturn void bad(const char *rule)
{
    fprintf(stderr, "error: MR_FAULT: cannot understand '%s'\n", rule);
    exit(2);
}

static void parse_action(struct point *p, const char *act, const char *rule)
{
    if (strcmp(act, "kill") == 0)
        p->act = ACT_KILL;
    else if (strcmp(act, "stop") == 0)
        p->act = ACT_STOP;
    else if (strcmp(act, "off") == 0)
        p->act = ACT_OFF;
    else if (strcmp(act, "eio") == 0)
        p->act = ACT_ERRNO, p->arg = EIO;
    else if (strcmp(act, "enospc") == 0)
        p->act = ACT_ERRNO, p->arg = ENOSPC;
    else if (strncmp(act, "sleep:", 6) == 0)
        p->act = ACT_SLEEP, p->arg = strtol(act + 6, NULL, 10);
    else
        bad(rule);
}

static void parse_rule(char *rule)
{
    char *eq = strchr(rule, '=');
    if (!eq)
        bad(rule);
    *eq = '\0';
    char *at = strchr(rule, '@');
    long nth = 0;
    if (at) {
        *at = '\0';
        nth = strtol(at + 1, NULL, 10);
    }
    for (int i = 0; i < MR_FP_COUNT; i++) {
        if (strcmp(g_names[i].name, rule) != 0)
            continue;
        g_points[i].at = nth;
        parse_action(&g_points[i], eq + 1, rule);
        return;
    }
    bad(rule);
}

static void init(void)
{
    const char *env = secure_getenv("MR_FAULT"); /* IGNORE-BANNED: base/fault */
    if (!env || !*env)
        return;
    char *copy = strdup(env), *save = NULL; /* IGNORE-BANNED: before base/mem may be used */
    for (char *r = strtok_r(copy, ",", &save); r; r = strtok_r(NULL, ",", &save))
        parse_rule(r);
    free(copy);
    atomic_store(&g_armed, true);
}

int mr_fault_hit(enum mr_fault_point which)
{
    pthread_once(&g_once, init);
    if (!atomic_load_explicit(&g_armed, memory_order_relaxed))
        return 0;
    struct point *p = &g_points[which];
    if (p->act == ACT_NONE || p->act == ACT_OFF)
        return 0;
    long n = atomic_fetch_add(&p->hits, 1) + 1;
    if (p->at && n != p->at)
        return 0;
    if (p->act == ACT_KILL)
        kill(getpid(), SIGKILL);
    if (p->act == ACT_STOP)
        kill(getpid(), SIGSTOP);
    if (p->act == ACT_SLEEP)
        nanosleep(&(struct timespec){ p->arg / 1000, p->arg % 1000 * 1000000 }, NULL);
    return p->act == ACT_ERRNO ? (int)p->arg : 0;
}

bool mr_fault_off(enum mr_fault_point which)
{
    pthread_once(&g_once, init);
    return g_points[which].act == ACT_OFF;
}

const char *mr_fault_name(enum mr_fault_point p)
{
    return g_names[p].name;
}

const char *mr_fault_doc(enum mr_fault_point p)
{
    return g_names[p].doc;
}
