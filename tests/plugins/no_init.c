/* A shared library that is no plugin. */
int unrelated(void);
int unrelated(void)
{
    return 1;
}
