#include "tests/tools/tempdir.h"

#include <dirent.h>
#include <unistd.h>

int tempdir_remove(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	if (!dir)
		return -1;
	while ((entry = readdir(dir)))
		(void)unlinkat(dirfd(dir), entry->d_name, 0); /* "." and ".." refuse */
	(void)closedir(dir);
	return rmdir(path);
}
