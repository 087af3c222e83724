/* Commands and options: one table from which parsing, --help, man pages and bash
 * completion come.
 *
 * A command has its own rows and names the shared groups it takes. Options may stand
 * anywhere among the arguments, as --name VALUE, --name=VALUE or -n VALUE; "--" ends
 * them. */
#ifndef TOOLS_CLI_H
#define TOOLS_CLI_H

#include <ingot/ingot.h>

#include "graph/core/vec.h"
#include "tools/say.h"

typedef struct cli_option {
    const char *name;  /* "threads" */
    char letter;       /* 0: none */
    const char *value; /* "N", "FILE", "DIR" or "a|b"; NULL: a flag */
    const char *doc;
} cli_option;

enum {                 /* cli_command.groups */
       CLI_JSON = 1,   /* --json */
       CLI_LOAD = 2,   /* --limits, --data-dir, --plugin */
       CLI_DEVICE = 4, /* --device, --threads, --level */
       CLI_INPUTS = 8, /* --mean, --std */
       CLI_FORKS = 16  /* no options: models run in child processes, so this one leaves
                          devices alone, which do not survive a fork */
};

typedef struct cli_args cli_args;

typedef struct cli_command {
    const char *name, *usage;  /* "MODEL [INPUT...]" */
    const char *summary;       /* one line */
    const char *examples;      /* lines */
    const char *text;          /* paragraphs, may be NULL */
    const cli_option *options; /* ended by {0}; NULL: none */
    unsigned groups;
    int min, max; /* number of arguments; max -1: any */
    exit_code (*run)(const cli_args *a);
} cli_command;

typedef struct cli_given {
    const cli_option *option;
    const char *value;
} cli_given;

struct cli_args {
    const cli_command *command;
    IGI_VEC(const char *) v; /* arguments that are no options */
    IGI_VEC(cli_given) given;
};

/* All commands, ended by a row without a name; in main.c. */
extern const cli_command *const cli_commands[];
const cli_command *cli_find(const char *name); /* NULL */

/* argv without program and command. EXIT_USAGE with a message when something does not
 * fit. */
exit_code cli_parse(cli_args *out, const cli_command *c, int argc, char *const *argv);
void cli_args_fini(cli_args *a);

bool cli_flag(const cli_args *a, const char *name);
const char *cli_value(const cli_args *a,
                      const char *name); /* the last one given; NULL */
/* k-th value of an option that may be repeated; NULL after the last. */
const char *cli_value_at(const cli_args *a, const char *name, int k);
/* Whole numbers; a usage error unless lo <= value <= hi. Not given: *out stays. */
exit_code
cli_int(const cli_args *a, const char *name, int64_t lo, int64_t hi, int64_t *out);
exit_code cli_double(const cli_args *a, const char *name, double lo, double *out);
bool cli_json(const cli_args *a);

/* Options of a command one after another, its own and those of its groups; NULL at the
 * end. */
const cli_option *cli_option_at(const cli_command *c, int i);

/* The candidate nearest to `word` when it is near enough to be what was meant; NULL. */
typedef const char *(*cli_name_fn)(int i, const void *user);
const char *cli_nearest(const char *word, cli_name_fn name, const void *user);

/* help.c */
void cli_help(const cli_command *c); /* NULL: of the whole command */
/* Writes DIR/ingot.1 and DIR/ingot-<command>.1. */
exit_code cli_write_man(const char *dir);
exit_code cli_write_bash(const char *path);

/* Options of a load and a net from the groups. `dims` gets room for the --dim list. */
typedef struct cli_model {
    ig_model_opts opts;
    IGI_VEC(const char *) dims;
    ig_registry *registry; /* with --plugin; NULL: the built-in one */
} cli_model;
exit_code cli_model_opts(cli_model *m, const cli_args *a);
/* A registry with every --plugin; *out NULL when there is none. The caller's. */
exit_code cli_plugins(ig_registry **out, const cli_args *a);
void cli_model_fini(cli_model *m);
/* Loads MODEL ("-": standard input) with those options; says what fails. */
exit_code
cli_model_load(ig_model **out, const cli_args *a, const char *path, double *seconds);
/* Reads MODEL as a graph, as written; says what fails. */
exit_code cli_graph_read(ig_graph **out, const cli_args *a, const char *path);
/* "1G", "64k", "100": false when it is no size. */
bool cli_size(const char *text, uint64_t *out);
/* Limits by name: "nodes=1000,file_bytes=1G", "hostile". */
exit_code cli_limits(ig_limits *out, const cli_args *a);

#endif
