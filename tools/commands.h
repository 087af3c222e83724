/* The commands, each in a file of its own: cmd_<name>.c. */
#ifndef TOOLS_COMMANDS_H
#define TOOLS_COMMANDS_H

#include "tools/cli.h"

extern const cli_command cmd_run, cmd_info, cmd_verify, cmd_test, cmd_bench,
    cmd_profile, cmd_dot, cmd_convert, cmd_optimize, cmd_compare, cmd_ops, cmd_doctor,
    cmd_check_plugin;

#endif
