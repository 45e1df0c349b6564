#include "healthcheck/region_key.h"

#include <errno.h>

#include "net/crypt.h"

static void add_length(struct buf *out, size_t n)
{
	(void)buf_add_char(out, (char)(n >> 8));
	(void)buf_add_char(out, (char)n);
}

static int binding(const struct region_key_to *to, struct buf *out)
{
	(void)buf_add_str(out, "holdfast region key 1");
	(void)buf_add(out, to->region, strlen(to->region) + 1);
	(void)buf_add(out, to->member, strlen(to->member) + 1);
	for (unsigned i = 4; i-- > 0;)
		(void)buf_add_char(out, (char)(to->generation >> (8 * i)));
	return buf_error(out);
}

static int wrapping_key(const struct x509_key *own, struct span peer_spki, struct span bound,
			uint8_t out[CRYPT_KEY_SIZE])
{
	uint8_t shared[X509_AGREED_SIZE];
	int rc = x509_agree(own, peer_spki, shared);

	if (!rc)
		rc = crypt_hmac_sha256(span_make(shared, sizeof(shared)), bound, out);
	explicit_bzero(shared, sizeof(shared));
	return rc;
}

/* What was signed: the binding, then all that comes before the signature. */
static int signed_text(struct span bound, struct span body, struct buf *out)
{
	(void)buf_add_span(out, bound);
	(void)buf_add_span(out, body);
	return buf_error(out);
}

static int seal_body(struct span bound, const uint8_t key[REGION_KEY_SIZE], struct span identity_spki,
		     struct buf *body)
{
	uint8_t wrapping[CRYPT_KEY_SIZE];
	struct x509_key *ephemeral = NULL;
	struct buf spki, sealed;
	int rc = x509_key_new(&ephemeral);

	buf_init(&spki, REGION_KEY_SEALED_MAX);
	buf_init(&sealed, REGION_KEY_SEALED_MAX);
	if (!rc)
		rc = x509_key_spki(ephemeral, &spki);
	if (!rc)
		rc = wrapping_key(ephemeral, identity_spki, bound, wrapping);
	if (!rc)
		rc = crypt_seal(wrapping, bound, span_make(key, REGION_KEY_SIZE), &sealed);
	if (!rc) {
		add_length(body, spki.len);
		(void)buf_add_span(body, buf_span(&spki));
		add_length(body, sealed.len);
		(void)buf_add_span(body, buf_span(&sealed));
		rc = buf_error(body);
	}
	explicit_bzero(wrapping, sizeof(wrapping));
	x509_key_free(ephemeral);
	buf_done(&spki);
	buf_done(&sealed);
	return rc;
}

int region_key_seal(const struct region_key_to *to, const uint8_t key[REGION_KEY_SIZE],
		    struct span identity_spki, const struct x509_key *signer, struct buf *out)
{
	struct buf bound, body, text;
	int rc;

	buf_init(&bound, 1024);
	buf_init(&body, REGION_KEY_SEALED_MAX);
	buf_init(&text, 2048);
	rc = binding(to, &bound);
	if (!rc)
		rc = seal_body(buf_span(&bound), key, identity_spki, &body);
	if (!rc)
		rc = signed_text(buf_span(&bound), buf_span(&body), &text);
	if (!rc) {
		(void)buf_add_span(out, buf_span(&body));
		rc = x509_sign(signer, buf_span(&text), out);
	}
	buf_done(&bound);
	buf_done(&body);
	buf_done(&text);
	return rc;
}

/* A piece with its length in front. */
static bool take(struct span *rest, struct span *out)
{
	size_t len;

	if (rest->len < 2)
		return false;
	len = (size_t)(unsigned char)rest->ptr[0] << 8 | (unsigned char)rest->ptr[1];
	if (len > rest->len - 2)
		return false;
	*out = span_make(rest->ptr + 2, len);
	*rest = span_make(rest->ptr + 2 + len, rest->len - 2 - len);
	return true;
}

static int open_body(struct span bound, struct span ephemeral, struct span sealed,
		     const struct x509_key *identity, uint8_t out_key[REGION_KEY_SIZE])
{
	uint8_t wrapping[CRYPT_KEY_SIZE];
	struct buf plain;
	int rc = wrapping_key(identity, ephemeral, bound, wrapping);

	buf_init(&plain, REGION_KEY_SEALED_MAX);
	if (!rc)
		rc = crypt_open(wrapping, bound, sealed, &plain);
	if (!rc && plain.len != REGION_KEY_SIZE)
		rc = -EBADMSG;
	if (!rc)
		memcpy(out_key, plain.data, REGION_KEY_SIZE);
	if (plain.data)
		explicit_bzero(plain.data, plain.cap);
	buf_done(&plain);
	explicit_bzero(wrapping, sizeof(wrapping));
	return rc == -EINVAL || rc == -EMSGSIZE ? -EBADMSG : rc;
}

int region_key_open(const struct region_key_to *to, struct span sealed, const struct x509_key *identity,
		    struct span signer_spki, uint8_t out_key[REGION_KEY_SIZE])
{
	struct span rest = sealed, ephemeral, inner, body;
	uint8_t digest[X509_SHA256_SIZE];
	struct buf bound, text;
	int rc;

	if (sealed.len > REGION_KEY_SEALED_MAX || !take(&rest, &ephemeral) || !take(&rest, &inner))
		return -EBADMSG;
	body = span_make(sealed.ptr, sealed.len - rest.len);
	buf_init(&bound, 1024);
	buf_init(&text, 2048);
	rc = binding(to, &bound);
	if (!rc)
		rc = signed_text(buf_span(&bound), body, &text);
	if (!rc)
		rc = x509_check_signature(signer_spki, buf_span(&text), rest, digest);
	if (rc == -EINVAL)
		rc = -EKEYREJECTED;
	if (!rc)
		rc = open_body(buf_span(&bound), ephemeral, inner, identity, out_key);
	buf_done(&bound);
	buf_done(&text);
	return rc;
}
