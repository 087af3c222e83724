/* Help, man pages and bash completion, all from the tables of commands and options. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "graph/core/file.h"
#include "graph/core/text.h"
#include "tools/cli.h"

static const char exit_codes[] =
    "0 success, 1 a run or test failed, 2 wrong usage, 3 invalid model, 4 unsupported "
    "operator "
    "or type, 5 limit or memory exceeded, 6 device unavailable, 7 file not readable or "
    "writable, 130 interrupted";

static const char about[] = "Ingot runs, inspects and tests neural-network models.";

/* ---- help on the terminal ---- */

/* Words of `text` in lines of 78 columns, each behind `indent` blanks. */
static void wrapped(const char *text, int indent, int column)
{
    bool first = true;
    while (*text) {
        int n = (int)strcspn(text, " ");
        if (!first && column + 1 + n > 78) {
            printf("\n%*s", indent, "");
            column = indent;
        } else if (!first) {
            putchar(' ');
            column++;
        }
        printf("%.*s", n, text);
        column += n;
        text += n + (text[n] == ' ');
        first = false;
    }
    putchar('\n');
}

static int option_text(const cli_option *o, char *buf, size_t size)
{
    char letter[8] = "    ";
    if (o->letter)
        (void)snprintf(letter, sizeof(letter), "-%c, ", o->letter);
    return snprintf(buf, size, "  %s--%s%s%s", letter, o->name, o->value ? " " : "",
                    o->value ? o->value : "");
}

static void print_lines(const char *lines)
{
    while (*lines) {
        int n = (int)strcspn(lines, "\n");
        printf("  %.*s\n", n, lines);
        lines += n + (lines[n] == '\n');
    }
}

static void help_command(const cli_command *c)
{
    const cli_option *o;
    printf("ingot %s: %s\n\nExamples:\n", c->name, c->summary);
    print_lines(c->examples);
    printf("\nUsage: ingot %s %s [OPTION...]\n\n", c->name, c->usage);
    if (c->text) {
        wrapped(c->text, 0, 0);
        putchar('\n');
    }
    printf("Options:\n");
    for (int i = 0; (o = cli_option_at(c, i)) != NULL; i++) {
        char head[80];
        int n = option_text(o, head, sizeof(head));
        printf("%-26s%s", head, n >= 26 ? "\n" : "");
        if (n >= 26)
            printf("%26s", "");
        wrapped(o->doc, 26, 26);
    }
    printf("\nExit codes: ");
    wrapped(exit_codes, 0, 12);
}

static void help_all(void)
{
    printf("%s\n\nExamples:\n"
           "  ingot run model.onnx                 with made-up inputs\n"
           "  ingot run model.onnx photo.jpg --top 5 --labels names.txt\n"
           "  ingot info model.onnx\n"
           "  ingot bench model.onnx --threads 2\n\n"
           "Usage: ingot COMMAND [ARGUMENT...] [OPTION...]\n\nCommands:\n",
           about);
    for (int i = 0; cli_commands[i]; i++)
        printf("  %-10s %s\n", cli_commands[i]->name, cli_commands[i]->summary);
    printf("\n'ingot COMMAND --help' tells more; 'ingot --version' prints versions and "
           "build "
           "options.\n");
}

void cli_help(const cli_command *c)
{
    if (c)
        help_command(c);
    else
        help_all();
}

/* ---- man pages ---- */

/* roff: a line must not begin with a dot or quote, backslashes and hyphens are escaped.
 */
static void roff(igi_text *t, const char *text)
{
    bool start = true;
    for (; *text; text++) {
        if (start && (*text == '.' || *text == '\''))
            igi_text_add(t, "\\&");
        if (*text == '\\' || *text == '-')
            igi_text_add(t, "\\%c", *text);
        else
            igi_text_add(t, "%c", *text);
        start = *text == '\n';
    }
}

static void man_head(igi_text *t, const char *name, const char *summary)
{
    char upper[64];
    size_t i = 0;
    for (; name[i] && i < sizeof(upper) - 1; i++)
        upper[i] = (char)toupper((unsigned char)name[i]);
    upper[i] = 0;
    igi_text_add(t, ".TH %s 1 \"\" \"ingot %s\" \"Ingot\"\n.SH NAME\n", upper,
                 ig_version());
    roff(t, name);
    igi_text_add(t, " \\- ");
    roff(t, summary);
    igi_text_add(t, "\n");
}

static void man_options(igi_text *t, const cli_command *c)
{
    const cli_option *o;
    igi_text_add(t, "\n.SH OPTIONS\n");
    for (int i = 0; (o = cli_option_at(c, i)) != NULL; i++) {
        igi_text_add(t, ".TP\n");
        if (o->letter)
            igi_text_add(t, "\\fB\\-%c\\fR, ", o->letter);
        igi_text_add(t, "\\fB\\-\\-");
        roff(t, o->name);
        igi_text_add(t, "\\fR");
        if (o->value)
            igi_text_add(t, " \\fI%s\\fR", o->value);
        igi_text_add(t, "\n");
        roff(t, o->doc);
        igi_text_add(t, "\n");
    }
}

static void man_command(igi_text *t, const cli_command *c)
{
    char name[64];
    (void)snprintf(name, sizeof(name), "ingot-%s", c->name);
    man_head(t, name, c->summary);
    igi_text_add(t, ".SH SYNOPSIS\n\\fBingot %s\\fR ", c->name);
    roff(t, c->usage);
    igi_text_add(t, " [OPTION...]\n.SH EXAMPLES\n.nf\n");
    roff(t, c->examples);
    igi_text_add(t, "\n.fi\n");
    if (c->text) {
        igi_text_add(t, ".SH DESCRIPTION\n");
        roff(t, c->text);
    }
    man_options(t, c);
    igi_text_add(t, ".SH EXIT STATUS\n");
    roff(t, exit_codes);
    igi_text_add(t, "\n.SH SEE ALSO\n.BR ingot (1)\n");
}

static void man_all(igi_text *t)
{
    man_head(t, "ingot", "run, inspect and test neural-network models");
    igi_text_add(t, ".SH SYNOPSIS\n\\fBingot\\fR COMMAND [ARGUMENT...] "
                    "[OPTION...]\n.SH COMMANDS\n");
    for (int i = 0; cli_commands[i]; i++) {
        igi_text_add(t, ".TP\n\\fBingot\\-%s\\fR(1)\n", cli_commands[i]->name);
        roff(t, cli_commands[i]->summary);
        igi_text_add(t, "\n");
    }
    igi_text_add(
        t,
        ".SH ENVIRONMENT\n.TP\n\\fBNO_COLOR\\fR\nwhen set, no colour.\n"
        ".TP\n\\fBIG_LOG\\fR\nchannels to log to standard error: dispatch, plan, pass, "
        "import.\n.SH EXIT STATUS\n");
    roff(t, exit_codes);
    igi_text_add(t, "\n");
}

static ig_status write_text(igi_text *t, const char *path)
{
    ig_status rc = t->failed ? ig_fail(IG_OUT_OF_MEMORY, "out of memory for %s", path)
                             : igi_file_write_atomic(path, t->p, t->n);
    igi_text_fini(t);
    return rc;
}

exit_code cli_write_man(const char *dir)
{
    char path[4096];
    igi_text t = {0};
    man_all(&t);
    (void)snprintf(path, sizeof(path), "%s/ingot.1", dir);
    if (write_text(&t, path) != IG_OK)
        return say_failure(NULL);
    for (int i = 0; cli_commands[i]; i++) {
        man_command(&t, cli_commands[i]);
        (void)snprintf(path, sizeof(path), "%s/ingot-%s.1", dir, cli_commands[i]->name);
        if (write_text(&t, path) != IG_OK)
            return say_failure(NULL);
    }
    return EXIT_OK;
}

/* ---- bash completion ---- */

exit_code cli_write_bash(const char *path)
{
    igi_text t = {0};
    igi_text_add(
        &t,
        "# bash completion of the ingot command; written by: ingot --write-bash FILE\n"
        "_ingot()\n{\n"
        "    local cur=${COMP_WORDS[COMP_CWORD]} options=\"\"\n"
        "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
        "        mapfile -t COMPREPLY < <(compgen -W \"");
    for (int i = 0; cli_commands[i]; i++)
        igi_text_add(&t, "%s ", cli_commands[i]->name);
    igi_text_add(&t, "--help --version\" -- \"$cur\")\n        return\n    fi\n"
                     "    case ${COMP_WORDS[1]} in\n");
    for (int i = 0; cli_commands[i]; i++) {
        const cli_option *o;
        igi_text_add(&t, "    %s) options=\"", cli_commands[i]->name);
        for (int k = 0; (o = cli_option_at(cli_commands[i], k)) != NULL; k++)
            igi_text_add(&t, "%s--%s", k ? " " : "", o->name);
        igi_text_add(&t, "\" ;;\n");
    }
    igi_text_add(
        &t, "    esac\n"
            "    if [[ $cur == -* ]]; then\n"
            "        mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$cur\")\n"
            "    else\n"
            "        mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
            "    fi\n}\n"
            "complete -o filenames -F _ingot ingot\n");
    return write_text(&t, path) == IG_OK ? EXIT_OK : say_failure(NULL);
}
