/* Directories for tests. */
#ifndef ALLOT_TESTS_SUPPORT_TEMPORARY_H
#define ALLOT_TESTS_SUPPORT_TEMPORARY_H

enum { TEMPORARY_SIZE = 256 };

/* Makes a new one, writes its path into @path of TEMPORARY_SIZE bytes, and returns that. Ends the
 * program if it can't. */
char *temporary_directory(char *path);
/* Removes it, and all that is in it. */
void temporary_remove(const char *path);

#endif
