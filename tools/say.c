/* Messages, exit codes, progress and interruption of the command. */
#include "tools/say.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "graph/core/thread.h"
#include "tools/json.h"

static int level = 1;
static bool json_errors;
static bool line_is_open; /* a progress line stands on the terminal */

volatile int say_interrupted;

void say_set_level(int l)
{
    level = l;
}

int say_level(void)
{
    return level;
}

void say_set_json(bool on)
{
    json_errors = on;
}

static bool is_terminal(int fd)
{
    const char *term = getenv("TERM");
    return isatty(fd) && term && strcmp(term, "dumb") != 0;
}

bool say_colour(int fd)
{
    const char *no = getenv("NO_COLOR");
    return is_terminal(fd) && !(no && *no);
}

/* ---- messages ---- */

static void message(const char *kind, const char *colour, const char *fmt, va_list args)
{
    bool on = say_colour(STDERR_FILENO);
    say_progress_end();
    fprintf(stderr, "ingot: %s%s%s", on ? colour : "", kind, on ? "\033[0m" : "");
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
}

void say_error(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    message("error: ", "\033[31m", fmt, args);
    va_end(args);
}

void say_warning(const char *fmt, ...)
{
    va_list args;
    if (level < 1)
        return;
    va_start(args, fmt);
    message("warning: ", "\033[33m", fmt, args);
    va_end(args);
}

void say_note(const char *fmt, ...)
{
    va_list args;
    if (level < 1)
        return;
    va_start(args, fmt);
    message("", "", fmt, args);
    va_end(args);
}

void say_detail(const char *fmt, ...)
{
    va_list args;
    if (level < 2)
        return;
    va_start(args, fmt);
    message("", "", fmt, args);
    va_end(args);
}

void say_loader_warning(const char *text, void *user)
{
    (void)user;
    say_warning("%s", text);
}

/* ---- failures ---- */

exit_code exit_code_of(ig_status status)
{
    switch (status) {
    case IG_OK:
        return EXIT_OK;
    case IG_INVALID_GRAPH:
        return EXIT_MODEL;
    case IG_UNSUPPORTED:
        return EXIT_UNSUPPORTED;
    case IG_OUT_OF_MEMORY:
    case IG_LIMIT:
    case IG_DEADLINE:
        return EXIT_LIMIT;
    case IG_DEVICE:
        return EXIT_DEVICE;
    case IG_IO:
    case IG_NOT_FOUND:
        return EXIT_IO;
    case IG_CANCELLED:
        return EXIT_INTERRUPTED;
    default:
        return EXIT_FAILED;
    }
}

static void error_as_json(const char *status, const char *text, exit_code code)
{
    json_out j = {0};
    if (!json_errors)
        return;
    json_begin(&j, '{');
    json_int(&j, "schema", 1);
    json_key(&j, "error");
    json_begin(&j, '{');
    json_string(&j, "status", status);
    json_string(&j, "message", text);
    json_int(&j, "exit", code);
    json_end(&j, '}');
    json_end(&j, '}');
    json_print(&j);
}

exit_code say_failure(const char *what)
{
    exit_code code = exit_code_of(ig_error_status());
    const char *text = ig_error_message();
    if (code == EXIT_OK)
        code = EXIT_FAILED;
    if (code == EXIT_INTERRUPTED)
        say_note("interrupted");
    else if (what)
        say_error("%s: %s", what, text);
    else
        say_error("%s", text);
    error_as_json(ig_status_string(ig_error_status()), text, code);
    return code;
}

exit_code say_usage(const char *command, const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    say_error("%s", text);
    fprintf(stderr, "Try 'ingot %s%s--help'.\n", command ? command : "",
            command ? " " : "");
    error_as_json("usage", text, EXIT_USAGE);
    return EXIT_USAGE;
}

/* ---- progress ---- */

void say_progress(const char *what, int64_t done, int64_t total)
{
    static double last;
    double now = igi_now_s();
    if (level < 1 || !is_terminal(STDERR_FILENO) || (now - last < 0.1 && done < total))
        return;
    last = now;
    int width = 30, full = total > 0 ? (int)(done * width / total) : 0;
    fprintf(stderr, "\r%s [%.*s%*s] %lld/%lld\033[K", what, full,
            "##############################", width - full, "", (long long)done,
            (long long)total);
    fflush(stderr);
    line_is_open = true;
}

void say_progress_end(void)
{
    if (line_is_open)
        fputs("\r\033[K", stderr);
    line_is_open = false;
}

/* ---- interruption ---- */

static void on_interrupt(int sig)
{
    (void)sig;
    say_interrupted = 1;
}

void say_catch_interrupt(void)
{
    struct sigaction a = {0};
    a.sa_handler = on_interrupt;
    a.sa_flags = (int)SA_RESETHAND; /* the second one ends the process */
    (void)sigaction(SIGINT, &a, NULL);
}
