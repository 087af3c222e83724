/* Test cases in processes: one crash or hang hides no other case.
 *
 * Each child writes its status and message into a pipe and ends without cleaning up;
 * the parent starts new ones while fewer than `jobs` are alive, kills those that are
 * too late, and calls crashed what ended without a whole report. The parent itself runs
 * no model, so it has no threads when it forks. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "graph/core/status.h"
#include "graph/core/thread.h"
#include "tools/say.h"
#include "tools/test_suite.h"

#define JOBS_MAX 256
#define REPORT_MAX                                                                     \
    16384 /* fits a pipe whole, so that a child never waits for the parent */

typedef struct child {
    pid_t pid;
    int fd;
    size_t which; /* case */
    double start;
    char report[REPORT_MAX]; /* status byte, then text */
    size_t n;
} child;

static const char *const status_names[TEST_STATUS_COUNT] = {
    "passed", "failed", "crashed", "timeout", "unsupported"};

const char *test_status_name(test_status s)
{
    return status_names[s];
}

_Noreturn static void child_main(const test_case *c, const test_opts *o, int fd)
{
    static char report[REPORT_MAX];
    report[0] = (char)('0' + (int)test_run_case(c, o, report + 1, sizeof(report) - 1));
    size_t n = strlen(report) + 1; /* the zero ends it */
    for (size_t done = 0; done < n;) {
        ssize_t put = write(fd, report + done, n - done);
        if (put < 0 && errno != EINTR)
            _exit(1);
        done += put > 0 ? (size_t)put : 0;
    }
    _exit(0);
}

static bool start(child *k, test_list *list, size_t which, const test_opts *o)
{
    int fds[2];
    if (pipe(fds) != 0)
        return false;
    *k = (child){.fd = fds[0], .which = which, .start = igi_now_s()};
    fflush(stdout);
    fflush(stderr);
    k->pid = fork();
    if (k->pid == 0) {
        close(fds[0]);
        child_main(&list->p[which], o, fds[1]);
    }
    close(fds[1]);
    if (k->pid < 0)
        close(fds[0]);
    return k->pid > 0;
}

static void
judge(test_case *c, const child *k, int wait_status, bool late, double timeout)
{
    char text[200];
    bool whole = k->n > 1 && k->report[k->n - 1] == 0 && k->report[0] >= '0' &&
                 k->report[0] < '0' + TEST_STATUS_COUNT;
    c->ms = (igi_now_s() - k->start) * 1e3;
    if (late) {
        c->status = TEST_TIMEOUT;
        (void)snprintf(text, sizeof(text), "still running after %g s", timeout);
        c->message = igi_strdup(text);
    } else if (whole && WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0) {
        c->status = (test_status)(k->report[0] - '0');
        c->message = c->status == TEST_PASSED ? NULL : igi_strdup(k->report + 1);
    } else {
        c->status = TEST_CRASHED;
        if (WIFSIGNALED(wait_status))
            (void)snprintf(text, sizeof(text), "signal %d (%s)", WTERMSIG(wait_status),
                           strsignal(WTERMSIG(wait_status)));
        else
            (void)snprintf(text, sizeof(text),
                           "the process ended with %d and without a report",
                           WEXITSTATUS(wait_status));
        c->message = igi_strdup(text);
    }
}

/* Waits for the process and writes its verdict; the slot is free afterwards. */
static void finish(child *k, test_list *list, bool late, double timeout)
{
    int status = 0;
    if (late)
        (void)kill(k->pid, SIGKILL);
    while (waitpid(k->pid, &status, 0) < 0 && errno == EINTR)
        ;
    close(k->fd);
    judge(&list->p[k->which], k, status, late, timeout);
    k->pid = 0;
}

/* Reads what is there; true when the child has closed its end. */
static bool drain(child *k)
{
    char overflow[256];
    bool room = k->n < sizeof(k->report);
    ssize_t got = room ? read(k->fd, k->report + k->n, sizeof(k->report) - k->n)
                       : read(k->fd, overflow, sizeof(overflow));
    if (got > 0 && room)
        k->n += (size_t)got;
    return got == 0 || (got < 0 && errno != EINTR);
}

/* Waits until some child has something to say or is late; finishes those that are done.
 */
static size_t attend(child *kids, int jobs, test_list *list, double timeout)
{
    struct pollfd fds[JOBS_MAX];
    size_t finished = 0;
    for (int i = 0; i < jobs; i++)
        fds[i] = (struct pollfd){.fd = kids[i].pid ? kids[i].fd : -1, .events = POLLIN};
    (void)poll(fds, (nfds_t)jobs, 100);
    for (int i = 0; i < jobs; i++) {
        if (!kids[i].pid)
            continue;
        bool closed = fds[i].revents && drain(&kids[i]);
        bool late = !closed && igi_now_s() - kids[i].start > timeout;
        if (!closed && !late)
            continue;
        finish(&kids[i], list, late, timeout);
        finished++;
    }
    return finished;
}

bool test_run_all(test_list *list, const test_opts *o)
{
    int jobs = o->jobs < JOBS_MAX ? o->jobs : JOBS_MAX;
    child *kids = igi_calloc((size_t)jobs, sizeof(*kids));
    size_t next = 0, done = 0;
    if (!kids)
        return false;
    while (done < list->n && !say_interrupted) {
        for (int i = 0; i < jobs && next < list->n; i++) {
            if (kids[i].pid)
                continue;
            if (!start(&kids[i], list, next, o)) {
                list->p[next].status = TEST_CRASHED;
                list->p[next].message =
                    igi_strdup("no process could be started for it");
                done++;
            }
            next++;
        }
        done += attend(kids, jobs, list, o->timeout_s);
        say_progress("testing", (int64_t)done, (int64_t)list->n);
    }
    for (int i = 0; i < jobs; i++)
        if (kids[i].pid)
            finish(&kids[i], list, true, o->timeout_s);
    say_progress_end();
    igi_free(kids);
    return done == list->n;
}
