#include "cloud-hub/gateway/tickets.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/random.h"
#include "base/text.h"

#define FILE_MAX 4096u
#define HEADER "holdfast tickets 1"

struct ticket_key {
	int64_t made_wall_ms;
	uint8_t key[TLS_TICKET_KEY_SIZE];
};

struct tickets {
	struct vault *vault;
	char *path;
	int64_t lifetime_ms;
	struct ticket_key keys[TLS_TICKET_KEYS_MAX]; /* newest first */
	size_t count;
};

static void wipe(struct buf *buf)
{
	if (buf->data)
		explicit_bzero(buf->data, buf->cap);
	buf_done(buf);
}

/* "MADE HEX" */
static int parse_key(struct span line, struct ticket_key *out)
{
	struct span made, hex;
	struct buf key;
	int code = -EBADMSG;

	if (!span_cut(line, ' ', &made, &hex) || span_to_i64(made, &out->made_wall_ms))
		return code;
	buf_init(&key, 2 * TLS_TICKET_KEY_SIZE);
	if (!text_unhex(&key, hex) && key.len == sizeof(out->key)) {
		memcpy(out->key, key.data, sizeof(out->key));
		code = 0;
	}
	wipe(&key);
	return code;
}

static int parse(struct tickets *tickets, struct span text)
{
	struct span line;

	if (!span_cut(text, '\n', &line, &text) || !span_is(line, HEADER))
		return -EBADMSG;
	while (text.len && tickets->count < TLS_TICKET_KEYS_MAX) {
		if (!span_cut(text, '\n', &line, &text) || parse_key(line, &tickets->keys[tickets->count]))
			return -EBADMSG;
		tickets->count++;
	}
	return 0;
}

static int load(struct tickets *tickets)
{
	struct buf text;
	int code;

	buf_init(&text, FILE_MAX);
	code = vault_file_read(tickets->vault, tickets->path, &text);
	if (!code)
		code = parse(tickets, buf_span(&text));
	if (code)
		tickets->count = 0;
	wipe(&text);
	return code;
}

static int save(const struct tickets *tickets)
{
	struct buf text;
	int code;

	if (!tickets->vault)
		return 0;
	buf_init(&text, FILE_MAX);
	buf_addf(&text, "%s\n", HEADER);
	for (size_t i = 0; i < tickets->count; i++) {
		buf_addf(&text, "%" PRId64 " ", tickets->keys[i].made_wall_ms);
		text_hex(&text, span_make(tickets->keys[i].key, sizeof(tickets->keys[i].key)));
		buf_add_char(&text, '\n');
	}
	code = buf_error(&text);
	if (!code)
		code = vault_file_write(tickets->vault, tickets->path, buf_span(&text));
	wipe(&text);
	return code;
}

/* A key seals for one lifetime, and what it sealed last is good for another. One from the future was made by a clock that has been
 * set back since: nobody knows how old it is. */
static bool is_of_use(const struct tickets *tickets, const struct ticket_key *key, int64_t now_wall_ms)
{
	return key->made_wall_ms <= now_wall_ms && now_wall_ms - key->made_wall_ms < 2 * tickets->lifetime_ms;
}

static bool drop_old(struct tickets *tickets, int64_t now_wall_ms)
{
	size_t kept = 0, before = tickets->count;

	for (size_t i = 0; i < before; i++)
		if (is_of_use(tickets, &tickets->keys[i], now_wall_ms))
			tickets->keys[kept++] = tickets->keys[i];
	explicit_bzero(&tickets->keys[kept], (before - kept) * sizeof(tickets->keys[0]));
	tickets->count = kept;
	return kept != before;
}

static void add_key(struct tickets *tickets, int64_t now_wall_ms)
{
	size_t kept = tickets->count < TLS_TICKET_KEYS_MAX ? tickets->count : TLS_TICKET_KEYS_MAX - 1;

	memmove(&tickets->keys[1], &tickets->keys[0], kept * sizeof(tickets->keys[0]));
	tickets->keys[0].made_wall_ms = now_wall_ms;
	random_bytes(tickets->keys[0].key, sizeof(tickets->keys[0].key));
	tickets->count = kept + 1;
}

int tickets_turn(struct tickets *tickets, int64_t now_wall_ms, bool *out_changed)
{
	*out_changed = drop_old(tickets, now_wall_ms);
	if (!tickets->count || now_wall_ms - tickets->keys[0].made_wall_ms >= tickets->lifetime_ms) {
		add_key(tickets, now_wall_ms);
		*out_changed = true;
	}
	return *out_changed ? save(tickets) : 0;
}

int tickets_open(struct vault *vault, const char *path, uint64_t lifetime_ms, int64_t now_wall_ms,
		 bool *out_lost, struct tickets **out, struct err *err)
{
	struct tickets *tickets = calloc(1, sizeof(*tickets));
	bool changed;
	int code = 0;

	*out_lost = false;
	if (tickets)
		*tickets = (struct tickets){ .vault = vault,
					     .path = span_dup(span_of(path)),
					     .lifetime_ms = (int64_t)lifetime_ms };
	if (!tickets || !tickets->path) {
		tickets_free(tickets);
		return err_set(err, -ENOMEM, "out of memory");
	}
	if (vault)
		code = load(tickets);
	*out_lost = code && code != -ENOENT;
	code = tickets_turn(tickets, now_wall_ms, &changed);
	if (code) {
		tickets_free(tickets);
		return err_set(err, code, "writing %s: %s", path, strerror(-code));
	}
	*out = tickets;
	return 0;
}

void tickets_free(struct tickets *tickets)
{
	if (!tickets)
		return;
	explicit_bzero(tickets->keys, sizeof(tickets->keys));
	free(tickets->path);
	free(tickets);
}

size_t tickets_keys(const struct tickets *tickets, uint8_t out[TLS_TICKET_KEYS_MAX][TLS_TICKET_KEY_SIZE])
{
	for (size_t i = 0; i < tickets->count; i++)
		memcpy(out[i], tickets->keys[i].key, TLS_TICKET_KEY_SIZE);
	return tickets->count;
}
