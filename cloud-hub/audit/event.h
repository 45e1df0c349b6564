/* event: the text of one audit.k8s.io/v1 Event (k8s.io/apiserver/pkg/apis/audit/v1), level Metadata. Pure. Private to audit/. */
#ifndef HOLDFAST_CLOUD_HUB_AUDIT_EVENT_H
#define HOLDFAST_CLOUD_HUB_AUDIT_EVENT_H

#include "cloud-hub/audit/audit.h"

#define EVENT_LINE_MAX \
	(512u * 1024) /* an identity may say a lot (IDENTITY_EXTRA_MAX); most lines are under 1 KiB */
#define EVENT_URI_MAX 2048u
#define EVENT_AGENT_MAX 256u
#define EVENT_REASON_MAX 1024u
#define EVENT_EVIDENCE_MAX (16u * 1024)

/* Each appends one line without its end. `lost`: lines that could not be kept since the start, 0: nothing to tell. */
int event_of_outcome(const struct api_outcome *outcome, const char *id, int64_t now_wall_ms, uint64_t lost,
		     struct buf *out) must_check;
int event_of_note(const struct audit_note *note, const char *id, int64_t now_wall_ms, uint64_t lost,
		  struct buf *out) must_check;
/* Does the policy want it? */
bool event_is_wanted(enum audit_level level, const struct api_outcome *outcome);

#endif
