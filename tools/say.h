/* How the command speaks: results on stdout, messages and progress on stderr.
 *
 * Colour and progress bars appear only on a terminal that wants them (NO_COLOR,
 * TERM=dumb). Exit codes are part of the interface: README and man pages list them. */
#ifndef TOOLS_SAY_H
#define TOOLS_SAY_H

#include <ingot/base.h>

typedef enum exit_code {
    EXIT_OK = 0,
    EXIT_FAILED = 1, /* a run failed, a test did not pass, files differ */
    EXIT_USAGE = 2,
    EXIT_MODEL = 3,       /* the model is invalid */
    EXIT_UNSUPPORTED = 4, /* an operator or type has no implementation */
    EXIT_LIMIT = 5,       /* a limit or the memory is exhausted */
    EXIT_DEVICE = 6,
    EXIT_IO = 7,
    EXIT_INTERRUPTED = 130
} exit_code;

/* 0 quiet: errors alone, 1 notes, 2 verbose. */
void say_set_level(int level);
int say_level(void);
/* Errors are also written to stdout as JSON when a command was asked for JSON. */
void say_set_json(bool on);

void say_error(const char *fmt, ...) IG_PRINTF(1, 2);
void say_warning(const char *fmt, ...) IG_PRINTF(1, 2);
void say_note(const char *fmt, ...) IG_PRINTF(1, 2);
void say_detail(const char *fmt, ...) IG_PRINTF(1, 2); /* with -v */

exit_code exit_code_of(ig_status status);
/* Says the recorded error and returns its exit code. `what` (may be NULL) goes in
 * front. */
exit_code say_failure(const char *what);
/* Usage errors: the message, a hint at --help, EXIT_USAGE. */
exit_code say_usage(const char *command, const char *fmt, ...) IG_PRINTF(2, 3);

/* A progress line on stderr, on a terminal only. */
void say_progress(const char *what, int64_t done, int64_t total);
void say_progress_end(void);

bool say_colour(int fd); /* may colours go there? */

/* Set by the first SIGINT; a second one ends the process. For ig_run_opts.cancel. */
extern volatile int say_interrupted;
void say_catch_interrupt(void);

/* Warning callback of loaders. */
void say_loader_warning(const char *text, void *user);

#endif
