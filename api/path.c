#include "api/path.h"

#include <stdio.h>

static size_t printf_like(2, 3) step(struct path *path, const char *fmt, ...)
{
	size_t mark = path->len, room = sizeof(path->text) - path->len;
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(path->text + path->len, room, fmt, args);
	va_end(args);
	if (n > 0)
		path->len += (size_t)n < room ? (size_t)n : room - 1;
	return mark;
}

void path_init(struct path *path, const char *text)
{
	path->len = 0;
	path->text[0] = 0;
	(void)step(path, "%s", text);
}

size_t path_field(struct path *path, const char *name)
{
	return step(path, path->len ? ".%s" : "%s", name);
}

size_t path_index(struct path *path, size_t index)
{
	return step(path, "[%zu]", index);
}

size_t path_key(struct path *path, const char *key)
{
	return step(path, "[%s]", key);
}

void path_back(struct path *path, size_t mark)
{
	path->len = mark;
	path->text[mark] = 0;
}
