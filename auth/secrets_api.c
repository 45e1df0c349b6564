#include "auth/secrets_api.h"

#define ANSWER_MAX 16384u

static void write_status(const struct secrets_api *s, struct buf *out)
{
	struct rotation_status rotation;
	struct vault_status vault;

	vault_status(s->vault, &vault);
	rotation_status(s->rotation, &rotation);
	(void)buf_addf(out, "{\"wrap\":\"%s\",\"keyFile\":", vault_wrap_name(vault.wrap));
	(void)buf_add_json_str(out, span_of(vault.wrap == VAULT_FILE ? vault.key_file : ""));
	(void)buf_addf(out, ",\"key\":%u,\"keys\":%zu,\"rotation\":\"%s\",\"revision\":%llu,\"lastError\":",
		       (unsigned)vault.newest, vault.keys, rotation_phase_name(rotation.phase),
		       (unsigned long long)rotation.revision);
	(void)buf_add_json_str(out, span_of(rotation.last_error));
	(void)buf_add_str(out, "}\n");
}

static void serve(void *ctx, const struct api_request *request, const struct api_responder *responder,
		  void *responder_ctx)
{
	struct secrets_api *s = ctx;
	struct status status;
	struct err err = { 0 };
	struct buf out;

	status_init(&status);
	buf_init(&out, ANSWER_MAX);
	if (span_is(request->path, SECRETS_PATH "/rotate") && span_is(request->method, "POST")) {
		if (rotation_start(s->rotation, &err))
			(void)status_set(&status, STATUS_INTERNAL_ERROR, "%s", err_text(&err));
	} else if (!span_is(request->path, SECRETS_PATH) || !span_is(request->method, "GET")) {
		(void)status_set(&status, STATUS_NOT_FOUND,
				 "there is GET " SECRETS_PATH " and POST " SECRETS_PATH "/rotate");
	}
	if (status_is_failure(&status))
		(void)status_write(&status, &out);
	else
		write_status(s, &out);
	if (buf_error(&out))
		responder->abort(responder_ctx);
	else
		responder->respond(responder_ctx, status.code, "application/json", NULL, 0, buf_span(&out));
	buf_done(&out);
	status_done(&status);
}

int secrets_api_add(struct api *api, struct secrets_api *secrets)
{
	int code = api_route_add(api, SECRETS_PATH, false, serve, secrets);

	return code ? code : api_route_add(api, SECRETS_PATH "/rotate", false, serve, secrets);
}

int secrets_text(const struct json *s, struct buf *out)
{
	const char *file = json_path_str(s, "keyFile", ""), *error = json_path_str(s, "lastError", "");
	int64_t keys = json_path_int(s, "keys", 0);

	(void)buf_addf(out, "data key  number %lld%s\n", (long long)json_path_int(s, "key", 0),
		       keys > 1 ? ", the one before it is still needed" : "");
	(void)buf_addf(out, "wrapped   by %s%s\n", file[0] ? "the key file " : "the TPM", file);
	(void)buf_addf(out, "rotation  %s%s%s\n", json_path_str(s, "rotation", ""),
		       error[0] ? "; last error: " : "", error);
	return buf_error(out);
}
