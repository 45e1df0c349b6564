#include "edge-hub/egress.h"

#include "base/files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int egress_credentials(const char *file, struct buf *out, struct err *err)
{
	struct stat st;
	int code = stat(file, &st) ? -errno : 0;

	if (code)
		return err_set(err, code, "reading the proxy's credentials: %s: %s", file, strerror(-code));
	if (st.st_mode & (S_IRWXG | S_IRWXO))
		return err_set(
			err, -EPERM,
			"%s holds the proxy's credentials and others than its owner may read it: chmod 600",
			file);
	code = file_read(file, out);
	if (code)
		return err_set(err, code, "reading the proxy's credentials: %s: %s", file, strerror(-code));
	while (out->len && (out->data[out->len - 1] == '\n' || out->data[out->len - 1] == '\r'))
		out->len--;
	return out->len ? 0 : err_set(err, -EINVAL, "%s holds no credentials", file);
}

int egress_make(const char *url, struct span credentials, const char *exceptions, struct proxy **out,
		struct err *err)
{
	const char *list[PROXY_EXCEPTIONS_MAX + 2] = { NULL };
	char *copy = strdup(exceptions ? exceptions : ""), *rest = copy;
	size_t count = 0;
	int code;

	if (!copy)
		return err_set(err, -ENOMEM, "out of memory");
	/* One too many is for proxy_new to refuse. */
	for (char *one = strsep(&rest, ","); one && count <= PROXY_EXCEPTIONS_MAX; one = strsep(&rest, ","))
		if (*one)
			list[count++] = one;
	code = proxy_new(span_of(url), credentials, list, out, err);
	free(copy);
	return code;
}

static int configured(const struct settings *settings, struct proxy **out, struct err *err)
{
	struct buf credentials;
	int code = 0;

	buf_init(&credentials, EGRESS_CREDENTIALS_MAX);
	if (settings->proxy_credentials)
		code = egress_credentials(settings->proxy_credentials, &credentials, err);
	if (!code)
		code = egress_make(settings->proxy, buf_span(&credentials), settings->no_proxy, out, err);
	if (credentials.data)
		explicit_bzero(credentials.data, credentials.cap);
	buf_done(&credentials);
	return code ? err_wrap(err, "link.proxy") : 0;
}

int egress_proxy(const struct settings *settings, const struct identity *identity, struct proxy **out,
		 struct err *err)
{
	*out = NULL;
	if (settings->proxy)
		return strcmp(settings->proxy, EGRESS_NONE) == 0 ? 0 : configured(settings, out, err);
	if (!identity->proxy || !identity->proxy[0])
		return 0;
	return egress_make(identity->proxy, span_of(identity->proxy_credentials),
			   settings->no_proxy ? settings->no_proxy : identity->no_proxy, out, err);
}
