#include "cloud-hub/addresses.h"

#include "net/address.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static int add(char *out[ADDRESSES_MAX + 1], size_t at, const char *text, struct err *err)
{
	struct address address;
	int code = address_parse(span_of(text), &address, err);

	if (!code && (address.is_unix || !address.port))
		code = err_set(err, -EINVAL, "\"%.80s\" is no address that edges could dial", text);
	if (code)
		return err_wrap(err, "advertising");
	out[at] = span_dup(span_of(text));
	return out[at] ? 0 : err_set(err, -ENOMEM, "out of memory");
}

static int add_host(char *out[ADDRESSES_MAX + 1], size_t at, const char *host, const char *port,
		    struct err *err)
{
	char text[ADDRESS_TEXT_SIZE];
	int len = snprintf(text, sizeof(text), strchr(host, ':') ? "[%s]%s" : "%s%s", host, port);

	if (len < 0 || (size_t)len >= sizeof(text))
		return err_set(err, -EINVAL, "advertising: \"%.40s...\" is too long", host);
	return add(out, at, text, err);
}

int addresses_make(const struct settings *settings, const char *bound, char *out[ADDRESSES_MAX + 1],
		   struct err *err)
{
	bool exact = settings->tunnel_advertise.count > 0;
	const struct config_list *list = exact ? &settings->tunnel_advertise : &settings->advertise;
	const char *port = strrchr(bound, ':');
	int code = 0;

	memset(out, 0, (ADDRESSES_MAX + 1) * sizeof(out[0]));
	if (list->count > ADDRESSES_MAX)
		return err_set(err, -EINVAL, "at most %u addresses can be advertised", ADDRESSES_MAX);
	for (size_t i = 0; !code && i < list->count; i++)
		code = exact ? add(out, i, list->items[i], err)
			     : add_host(out, i, list->items[i], port ? port : "", err);
	if (code)
		addresses_free(out);
	return code;
}

void addresses_free(char *addresses[ADDRESSES_MAX + 1])
{
	for (size_t i = 0; i < ADDRESSES_MAX; i++) {
		free(addresses[i]);
		addresses[i] = NULL;
	}
}
