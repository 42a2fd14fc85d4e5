/*
 * What        the nearest of some words: letters left out, added, changed or swapped, upper or lower case
 */
#include "base/near.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

static int distance(const char *a, const char *b)
{
    int rows[3][66], n = (int)strlen(a), m = (int)strlen(b);
    if (n > 64 || m > 64)
        return 99;
    for (int j = 0; j <= m; j++)
        rows[0][j] = j;
    for (int i = 1; i <= n; i++) {
        int *now = rows[i % 3], *up = rows[(i + 2) % 3], *up2 = rows[(i + 1) % 3];
        now[0] = i;
        for (int j = 1; j <= m; j++) {
            int x = tolower((unsigned char)a[i - 1]), y = tolower((unsigned char)b[j - 1]);
            int best = up[j - 1] + (x != y);
            best = up[j] + 1 < best ? up[j] + 1 : best;
            best = now[j - 1] + 1 < best ? now[j - 1] + 1 : best;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                up2[j - 2] + 1 < best)
                best = up2[j - 2] + 1;
            now[j] = best;
        }
    }
    return rows[n % 3][m];
}

const char *mr_did_you_mean(const char *word, const char *const *words)
{
    const char *best = NULL;
    int least = ((int)strlen(word) + 1) / 3; /* of four letters one: 'nope' is not 'copy' */
    for (; *words; words++) {
        int d = distance(word, *words);
        if (d <= least) {
            least = d - 1;
            best = *words;
        }
    }
    return best;
}
