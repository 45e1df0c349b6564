/* notify: tells the service manager how a daemon is doing (sd_notify(3)): one datagram to $NOTIFY_SOCKET. Nothing
 * happens when no manager listens. Any thread. */
#ifndef HOLDFAST_BASE_NOTIFY_H
#define HOLDFAST_BASE_NOTIFY_H

/* `state` as in sd_notify(3): "READY=1\nSTATUS=serving", "STOPPING=1", "WATCHDOG=1". 0, also without a manager; negative errno,
 * -EAGAIN when the manager does not read: a daemon does not wait for it. */
int notify_send(const char *state);

#endif
