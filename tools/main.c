/* The ingot command: finds the sub-command and hands over. Reading order: cli.h (the
 * table), say.h (how it speaks), then one file a command. */
#include <stdio.h>
#include <string.h>

#include "tools/commands.h"
#include "tools/json.h"
#include "tools/version.h"

const cli_command *const cli_commands[] = {
    &cmd_run,     &cmd_info,   &cmd_verify,       &cmd_test,     &cmd_bench,
    &cmd_profile, &cmd_dot,    &cmd_convert,      &cmd_optimize, &cmd_compare,
    &cmd_ops,     &cmd_doctor, &cmd_check_plugin, NULL,
};

static const char *command_name(int i, const void *user)
{
    (void)user;
    return cli_commands[i] ? cli_commands[i]->name : NULL;
}

static const char *top_option(int i, const void *user)
{
    static const char *const names[] = {"--help", "--version", "--json", NULL};
    (void)user;
    return i < 3 ? names[i] : NULL;
}

static exit_code print_version(bool json)
{
    version_info v;
    version_get(&v);
    if (json) {
        json_out j = {0};
        json_begin(&j, '{');
        json_int(&j, "schema", 1);
        version_json(&v, &j);
        json_end(&j, '}');
        json_print(&j);
    } else {
        version_print(&v);
    }
    return EXIT_OK;
}

/* Words before any command. */
static exit_code top_level(int argc, char **argv)
{
    const char *word = argv[1];
    const cli_command *c = argc > 2 ? cli_find(argv[2]) : NULL;
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 ||
        strcmp(word, "help") == 0) {
        if (argc > 2 && !c)
            return say_usage(NULL, "there is no command '%s'", argv[2]);
        cli_help(c);
        return EXIT_OK;
    }
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0)
        return print_version(argc > 2 && strcmp(argv[2], "--json") == 0);
    if (strcmp(word, "--write-man") == 0 && argc == 3) /* for the build's own files */
        return cli_write_man(argv[2]);
    if (strcmp(word, "--write-bash") == 0 && argc == 3)
        return cli_write_bash(argv[2]);
    bool option = word[0] == '-';
    const char *near = cli_nearest(word, option ? top_option : command_name, NULL);
    return say_usage(NULL, "there is no %s '%s'%s%s%s", option ? "option" : "command",
                     word, near ? "; did you mean " : "", near ? near : "",
                     near ? "?" : "");
}

static exit_code run_command(const cli_command *c, int argc, char **argv)
{
    cli_args a;
    for (int i = 0; i < argc; i++) /* errors of parsing know it too */
        if (strcmp(argv[i], "--json") == 0 && (c->groups & CLI_JSON))
            say_set_json(true);
    exit_code rc = cli_parse(&a, c, argc, argv);
    if (rc == EXIT_OK && cli_flag(&a, "help")) {
        cli_help(c);
    } else if (rc == EXIT_OK) {
        say_set_level(cli_flag(&a, "quiet") ? 0 : cli_flag(&a, "verbose") ? 2 : 1);
        say_catch_interrupt();
        rc = c->run(&a);
    }
    cli_args_fini(&a);
    return rc;
}

int main(int argc, char **argv)
{
    exit_code rc;
    const cli_command *c = argc > 1 ? cli_find(argv[1]) : NULL;
    if (argc < 2) {
        cli_help(NULL);
        return EXIT_USAGE;
    }
    rc = c ? run_command(c, argc - 2, argv + 2) : top_level(argc, argv);
    if (fflush(stdout) != 0 && rc == EXIT_OK) {
        say_error("standard output cannot be written");
        rc = EXIT_IO;
    }
    return (int)rc;
}
