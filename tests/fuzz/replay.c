/* replay: runs a fuzz target over files and folders of inputs without libFuzzer, so that ctest replays
 * every corpus with any compiler. The empty input and every prefix cut of a short one come for free. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REPLAY_MAX_BYTES (16u * 1024 * 1024)
#define REPLAY_CUT_BYTES 256u /* inputs up to this length are also tried cut short at every byte */

/* Each run gets its own block of exactly its size, so that a read past the end is seen by ASan. */
static int run_once(const uint8_t *data, size_t size)
{
	uint8_t *copy = calloc(1, size ? size : 1);

	if (!copy)
		return -1;
	if (size)
		memcpy(copy, data, size);
	(void)LLVMFuzzerTestOneInput(copy, size);
	free(copy);
	return 0;
}

static int run_input(const uint8_t *data, size_t size)
{
	for (size_t cut = 0; size <= REPLAY_CUT_BYTES && cut < size; cut++)
		if (run_once(data, cut))
			return -1;
	return run_once(data, size);
}

static int run_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	uint8_t *data = file ? malloc(REPLAY_MAX_BYTES) : NULL;
	size_t size = data ? fread(data, 1, REPLAY_MAX_BYTES, file) : 0;
	int rc = data && !ferror(file) ? run_input(data, size) : -1;

	if (rc)
		perror(path);
	free(data);
	if (file)
		fclose(file);
	return rc;
}

/* Inputs run under `path`, negative on failure. */
static int run_path(const char *path)
{
	struct stat st;
	struct dirent **names = NULL;
	int total = 0, count;

	if (stat(path, &st)) {
		perror(path);
		return -1;
	}
	if (!S_ISDIR(st.st_mode))
		return run_file(path) ? -1 : 1;
	count = scandir(path, &names, NULL, alphasort);
	for (int i = 0; i < count; i++) {
		char child[4096];
		int len = snprintf(child, sizeof(child), "%s/%s", path, names[i]->d_name);
		int ran = names[i]->d_name[0] == '.' ? 0 : len < (int)sizeof(child) ? run_path(child) : -1;

		total = ran < 0 || total < 0 ? -1 : total + ran;
		free(names[i]);
	}
	free(names);
	return count < 0 ? -1 : total;
}

int main(int argc, char **argv)
{
	int total = 0;

	if (run_once((const uint8_t *)"", 0))
		return 1;
	for (int i = 1; i < argc; i++) {
		int ran = run_path(argv[i]);

		if (ran < 0)
			return 1;
		total += ran;
	}
	printf("%d inputs replayed\n", total);
	return total > 0 ? 0 : 1; /* an empty corpus is a mistake */
}
