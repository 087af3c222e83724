/* Runs a fuzz target over damaged copies of files (T5): every bit flipped, every
 * truncation, and lies in every 4- and 8-byte field. The target aborts when something
 * is wrong; sanitizers see the rest. Prints each file before it is damaged. */
#include "tests/support/fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static size_t runs;

/* In a block of exactly that size, so that reads beyond it are seen. */
static void run(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        return;
    memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
    runs++;
}

static void flip(uint8_t *data, size_t size)
{
    for (size_t bit = 0; bit < 8 * size; bit++) {
        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        run(data, size);
        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void lie(uint8_t *data, size_t size)
{
    static const uint64_t lies[] = {
        0, 1, UINT64_MAX, UINT64_C(1) << 31, UINT64_C(1) << 32, INT64_MAX};
    for (size_t at = 0; at + 4 <= size; at++) {
        for (size_t k = 0; k < 2 * sizeof(lies) / sizeof(*lies); k++) {
            uint8_t kept[8];
            size_t n = k % 2 && at + 8 <= size ? 8 : 4;
            memcpy(kept, data + at, n);
            memcpy(data + at, &lies[k / 2], n);
            run(data, size);
            memcpy(data + at, kept, n);
        }
    }
}

static int damage(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct stat st;
    uint8_t *data = NULL;
    int rc = !file || fstat(fileno(file), &st) != 0;
    size_t size = rc ? 0 : (size_t)st.st_size;
    rc = rc || !(data = malloc(size + 1)) || fread(data, 1, size, file) != size;
    if (file)
        fclose(file);
    if (rc) {
        perror(path);
    } else {
        printf("%s\n", path);
        fflush(stdout);
        flip(data, size);
        lie(data, size);
        for (size_t n = 0; n < size; n++)
            run(data, n);
    }
    free(data);
    return rc;
}

int main(int argc, char **argv)
{
    int failed = 0;
    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);
        for (struct dirent *entry; folder && (entry = readdir(folder));) {
            char path[4096];
            snprintf(path, sizeof(path), "%s/%s", argv[i], entry->d_name);
            if (entry->d_name[0] != '.')
                failed += damage(path);
        }
        failed += !folder;
        if (folder)
            closedir(folder);
    }
    printf("%zu damaged inputs, %d unreadable\n", runs, failed);
    return failed || runs == 0;
}
