#include "tests/fuzz/random_main.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BATCH = 250, HANG_S = 300 };

typedef struct work {
    random_case_fn f;
    void *user;
    uint64_t failed;
} work;

/* In a process of its own; its status is the number of failed cases, up to 255. */
static void run_batch(const work *w, uint64_t seed, uint64_t count)
{
    uint64_t failed = 0;
    for (uint64_t i = seed; i < seed + count; i++) {
        (void)alarm(HANG_S);
        bool wrong = w->f(i, w->user) != 0;
        failed += wrong;
        if (wrong)
            fprintf(stderr, "case %" PRIu64 " failed\n", i);
    }
    fflush(stdout);
    exit(failed < 100 ? (int)failed : 100);
}

/* Whether the batch came to its end. */
static bool run_apart(work *w, uint64_t seed, uint64_t count)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0)
        run_batch(w, seed, count);
    if (child < 0 || waitpid(child, &status, 0) != child) {
        perror("fork");
        exit(2);
    }
    bool ended = WIFEXITED(status) && WEXITSTATUS(status) <= 100;
    if (ended)
        w->failed += (uint64_t)WEXITSTATUS(status);
    else if (count == 1)
        fprintf(stderr, "case %" PRIu64 " died of %s\n", seed,
                WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "an error report");
    return ended;
}

static void run(work *w, uint64_t seed, uint64_t count)
{
    if (run_apart(w, seed, count))
        return;
    if (count == 1) {
        w->failed++;
        return;
    }
    run(w, seed, count / 2);
    run(w, seed + count / 2, count - count / 2);
}

int random_main(int argc, char **argv, random_case_fn f, void *user)
{
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1,
             count = argc > 2 ? strtoull(argv[2], NULL, 10) : 1000;
    work w = {f, user, 0};
    for (uint64_t at = 0; at < count; at += BATCH)
        run(&w, seed + at, count - at < BATCH ? count - at : BATCH);
    printf("%" PRIu64 " cases, %" PRIu64 " failed\n", count, w.failed);
    return w.failed ? 1 : 0;
}
