#include "api/path.h"

/* Walks step at every field of every object: no printf here. */
static void add(struct path *path, const char *text, size_t len)
{
	size_t room = sizeof(path->text) - 1 - path->len;

	if (len > room)
		len = room;
	memcpy(path->text + path->len, text, len);
	path->len += len;
	path->text[path->len] = 0;
}

void path_init(struct path *path, const char *text)
{
	path->len = 0;
	path->text[0] = 0;
	add(path, text, strlen(text));
}

size_t path_field(struct path *path, const char *name)
{
	size_t mark = path->len;

	if (mark)
		add(path, ".", 1);
	add(path, name, strlen(name));
	return mark;
}

size_t path_index(struct path *path, size_t index)
{
	char digits[24];
	size_t mark = path->len, at = sizeof(digits);

	digits[--at] = ']';
	do {
		digits[--at] = (char)('0' + index % 10);
		index /= 10;
	} while (index);
	digits[--at] = '[';
	add(path, digits + at, sizeof(digits) - at);
	return mark;
}

size_t path_key(struct path *path, const char *key)
{
	size_t mark = path->len;

	add(path, "[", 1);
	add(path, key, strlen(key));
	add(path, "]", 1);
	return mark;
}

void path_back(struct path *path, size_t mark)
{
	path->len = mark;
	path->text[mark] = 0;
}
