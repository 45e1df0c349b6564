#include "base/startup.h"

#include "base/files.h"
#include "base/log.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

static const char *text_at(const void *settings, size_t offset)
{
	return *(char *const *)((const char *)settings + offset);
}

static int override(const struct startup_spec *spec, const struct options *options, void *settings,
		    struct err *err)
{
	int code = 0;

	for (const struct startup_override *o = spec->overrides; !code && o->option; o++)
		if (options_given(options, o->option))
			code = config_set(spec->table, settings, o->key, options_get(options, o->option),
					  err);
	return code;
}

static int finish(const struct startup_spec *spec, void *settings, struct err *err)
{
	const char *level_name = text_at(settings, spec->log_level);
	char data_dir[PATH_MAX];
	enum log_level level;
	int code = file_absolute(text_at(settings, spec->data_dir), data_dir, sizeof(data_dir));

	if (code)
		return err_set(err, code, "the data directory's name is too long");
	if (log_level_parse(level_name, &level))
		return err_set(err, -EINVAL, "log level \"%s\" is none of error, warn, info, debug",
			       level_name);
	log_set_level(level);
	return config_set(spec->table, settings, "dataDir", data_dir,
			  err); /* sockets and mounts want it whole */
}

int startup_settings(const struct startup_spec *spec, const struct options *options, void *settings,
		     struct err *err)
{
	const char *file = options_get(options, "config");
	int code = file ? config_load(spec->table, file, settings, err)
			: config_defaults(spec->table, settings, err);

	if (code)
		return code;
	code = override(spec, options, settings, err);
	if (!code)
		code = finish(spec, settings, err);
	if (code)
		config_done(spec->table, settings);
	return code;
}

int startup_lock(const char *program, const char *data_dir, int *out_fd, struct err *err)
{
	int code = file_lock_dir(data_dir, 0700, out_fd);

	if (code == -EBUSY)
		return err_set(err, code, "another %s is running with %s", program, data_dir);
	return code ? err_set(err, code, "opening the data directory %s: %s", data_dir, strerror(-code)) : 0;
}

int startup_print_config(const struct config_table *table)
{
	struct buf out;
	int exit_code = OPTIONS_EXIT_FAILED;

	buf_init(&out, CONFIG_MAX_BYTES);
	if (config_sample(table, &out) == 0 && fwrite(out.data, 1, out.len, stdout) == out.len)
		exit_code = OPTIONS_EXIT_OK;
	buf_done(&out);
	return exit_code;
}
