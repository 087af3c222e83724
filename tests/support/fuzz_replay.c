/* Runs a fuzz target over files and the files of folders (not below), so that each
 * corpus is also a test without a fuzzer. Prints the file before it runs, so a crash
 * names it. */
#include "tests/support/fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct stat st;
    if (!file || fstat(fileno(file), &st)) {
        perror(path);
        if (file)
            fclose(file);
        return 1;
    }
    size_t size = (size_t)st.st_size;
    uint8_t *data = malloc(size ? size : 1);
    int rc = !data || fread(data, 1, size, file) != size;
    fclose(file);
    if (rc)
        perror(path);
    else {
        printf("%s\n", path);
        fflush(stdout);
        LLVMFuzzerTestOneInput(data, size);
    }
    free(data);
    return rc;
}

/* Returns the number of files that could not be read; counts the others in *replayed.
 */
static int replay(const char *path, size_t *replayed)
{
    DIR *folder = opendir(path);
    if (!folder) {
        ++*replayed;
        return replay_file(path);
    }
    int failed = 0;
    for (struct dirent *entry; (entry = readdir(folder));) {
        char file[4096];
        struct stat st;
        snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
        if (stat(file, &st) || !S_ISREG(st.st_mode))
            continue;
        ++*replayed;
        failed += replay_file(file);
    }
    closedir(folder);
    return failed;
}

int main(int argc, char **argv)
{
    size_t replayed = 0;
    int failed = 0;
    for (int i = 1; i < argc; i++)
        failed += replay(argv[i], &replayed);
    printf("%zu inputs replayed, %d unreadable\n", replayed, failed);
    return failed || replayed == 0; /* an empty corpus proves nothing */
}
