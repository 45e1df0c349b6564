#include "cloud-hub/backup/archive.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"

#include <errno.h>

#define KIND "holdfast-backup"
#define KDF "pbkdf2-hmac-sha512"

static int set_u64(struct json *tree, const char *key, uint64_t value)
{
	return value > INT64_MAX ? -ERANGE : json_set_int(tree, key, (int64_t)value);
}

static int set_passphrase(struct json *tree, const struct archive_head *head)
{
	struct json *of = json_ensure(tree, "passphrase");
	struct buf salt;
	int code = of ? 0 : -ENOMEM;

	buf_init(&salt, 2 * ARCHIVE_SALT_SIZE);
	if (!code)
		code = text_hex(&salt, span_make(head->salt, ARCHIVE_SALT_SIZE));
	if (!code)
		code = json_set_str(of, "kdf", KDF);
	if (!code)
		code = json_set_int(of, "iterations", head->iterations);
	if (!code)
		code = json_set(of, "salt", json_new_span(buf_span(&salt)));
	buf_done(&salt);
	return code;
}

int archive_head_write(const struct archive_head *head, struct buf *out)
{
	struct json *tree = json_new_object();
	char made[CLOCK_TEXT_SIZE];
	int code;

	clock_format(head->made_wall_ms, made);
	code = tree ? json_set_str(tree, "kind", KIND) : -ENOMEM;
	if (!code)
		code = json_set_int(tree, "format", ARCHIVE_FORMAT);
	if (!code)
		code = json_set_str(tree, "software", head->software);
	if (!code)
		code = json_set_str(tree, "cluster", head->cluster);
	if (!code)
		code = json_set_str(tree, "made", made);
	if (!code)
		code = set_u64(tree, "revision", head->revision);
	if (!code)
		code = set_u64(tree, "objects", head->objects);
	if (!code)
		code = json_set_str(tree, "epoch", head->epoch);
	if (!code)
		code = set_u64(tree, "generation", head->generation);
	if (!code && head->is_sealed)
		code = set_passphrase(tree, head);
	if (!code)
		code = json_write(tree, out);
	json_free(tree);
	return code ? code : buf_add_char(out, '\n');
}

static int take_text(const struct json *tree, const char *key, char *out, size_t size)
{
	return span_copy(json_span(json_get(tree, key)), out, size) ? -EBADMSG : 0;
}

static int take_u64(const struct json *tree, const char *key, uint64_t *out)
{
	int64_t value = json_int(json_get(tree, key), -1);

	*out = (uint64_t)value;
	return value < 0 ? -EBADMSG : 0;
}

static int take_passphrase(const struct json *of, struct archive_head *out)
{
	int64_t iterations = json_path_int(of, "iterations", 0);
	struct buf salt;
	int code;

	if (strcmp(json_path_str(of, "kdf", ""), KDF) != 0)
		return -EPROTO;
	if (iterations < 1 || iterations > ARCHIVE_ITERATIONS_MAX)
		return -EBADMSG;
	buf_init(&salt, ARCHIVE_SALT_SIZE);
	code = text_unhex(&salt, json_span(json_get(of, "salt")));
	if (!code && salt.len == ARCHIVE_SALT_SIZE)
		memcpy(out->salt, salt.data, ARCHIVE_SALT_SIZE);
	else
		code = code == -ENOMEM ? code : -EBADMSG;
	buf_done(&salt);
	out->iterations = (uint32_t)iterations;
	out->is_sealed = true;
	return code;
}

static int decode(const struct json *tree, struct archive_head *out)
{
	int code = strcmp(json_path_str(tree, "kind", ""), KIND) == 0 ? 0 : -EBADMSG;
	int64_t format = json_path_int(tree, "format", 0);

	if (!code)
		code = format > ARCHIVE_FORMAT ? -EPROTO : format < 1 ? -EBADMSG : 0;
	if (!code)
		code = take_text(tree, "software", out->software, sizeof(out->software));
	if (!code)
		code = take_text(tree, "cluster", out->cluster, sizeof(out->cluster));
	if (!code)
		code = take_text(tree, "epoch", out->epoch, sizeof(out->epoch));
	if (!code)
		code = clock_parse(json_span(json_get(tree, "made")), &out->made_wall_ms) ? -EBADMSG : 0;
	if (!code)
		code = take_u64(tree, "revision", &out->revision);
	if (!code)
		code = take_u64(tree, "objects", &out->objects);
	if (!code)
		code = take_u64(tree, "generation", &out->generation);
	if (!code && json_get(tree, "passphrase"))
		code = take_passphrase(json_get(tree, "passphrase"), out);
	return code;
}

int archive_head_parse(struct span json, struct archive_head *out, struct err *err)
{
	struct json *tree = NULL;
	int code = json_parse(json, &tree, NULL);

	memset(out, 0, sizeof(*out));
	code = code == -ENOMEM ? code : code ? -EBADMSG : decode(tree, out);
	json_free(tree);
	if (code == -EPROTO)
		return err_set(err, code, "it was written by a newer release: restore it with that one");
	return code ? err_set(err, code, "its head (" ARCHIVE_HEAD ") cannot be understood") : 0;
}
