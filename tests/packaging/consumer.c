/* The least that a user of the installed library does. */
#define IG_BUILTIN  /* plugin.h for a program that links the library, not for a plugin \
                     */
#include <ingot/ingot.h>
#include <ingot/plugin.h>
#include <ingot/train.h>
#include <stdio.h>

int main(void)
{
    ig_tensor *t = NULL;
    if (ig_version_num() != IG_VERSION_NUM ||
        ig_tensor_new(&t, IG_FLOAT32, 2, (const int64_t[]){2, 3})) {
        fprintf(stderr, "%s\n", ig_error_message());
        return 1;
    }
    printf("%s %d\n", ig_version(), (int)ig_tensor_numel(t));
    ig_tensor_unref(t);
    return 0;
}
