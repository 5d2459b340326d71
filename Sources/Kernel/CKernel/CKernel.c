// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CKernel.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

const char *apus_error_text(int error) {
  const char *text = strerrordesc_np(error);
  return text ? text : "unknown error";
}

int apus_setns(int fd, int kind) { return setns(fd, kind); }
int apus_unshare(int flags) { return unshare(flags); }
pid_t apus_fork_into_pid_namespace(void) {
  return (pid_t)syscall(SYS_clone, CLONE_PARENT | CLONE_NEWPID | SIGCHLD, 0L, 0L, 0L, 0L);
}
int apus_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }
int apus_accept(int listener) { return accept4(listener, NULL, NULL, SOCK_CLOEXEC); }

int apus_signalfd(const int *signals, size_t count) {
  sigset_t set;
  sigemptyset(&set);
  for (size_t i = 0; i < count; i++) sigaddset(&set, signals[i]);
  return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int apus_next_signal(int fd) {
  struct signalfd_siginfo record;
  return read(fd, &record, sizeof record) == sizeof record ? (int)record.ssi_signo : -1;
}

int apus_wait_exited(int status) { return WIFEXITED(status) || WIFSIGNALED(status); }

int apus_wait_status(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int apus_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d) {
  return prctl(option, a, b, c, d);
}

int apus_pivot_root(const char *new_root, const char *put_old) {
  return (int)syscall(SYS_pivot_root, new_root, put_old);
}

int apus_execveat(int fd, const char *path, char *const *argv, char *const *envp, int flags) {
  return (int)syscall(SYS_execveat, fd, path, argv, envp, flags);
}

int apus_close_range(unsigned first, unsigned last, unsigned flags) {
  return (int)syscall(SYS_close_range, first, last, flags);
}

int apus_move_descriptor(int from, int to) { return dup3(from, to, O_CLOEXEC); }

int apus_pidfd_open(pid_t pid, unsigned flags) { return (int)syscall(SYS_pidfd_open, pid, flags); }

int apus_pidfd_send_signal(int pidfd, int signal) {
  return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}

int apus_pidfd_getfd(int pidfd, int fd) { return (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0); }

int apus_open_tree(int directory, const char *path, unsigned flags) {
  return (int)syscall(SYS_open_tree, directory, path, flags);
}

int apus_move_mount(int from, const char *from_path, int to, const char *to_path, unsigned flags) {
  return (int)syscall(SYS_move_mount, from, from_path, to, to_path, flags);
}

struct apus_mount_attr {
  uint64_t attr_set;
  uint64_t attr_clr;
  uint64_t propagation;
  uint64_t userns_fd;
};

#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif

int apus_mount_setattr(int directory, const char *path, unsigned flags, uint64_t set, uint64_t clear,
                       uint64_t propagation, int user_namespace) {
  struct apus_mount_attr attributes = {set, clear, propagation, user_namespace < 0 ? 0 : (uint64_t)user_namespace};
  return (int)syscall(SYS_mount_setattr, directory, path, flags, &attributes, sizeof attributes);
}

struct apus_open_how {
  uint64_t flags;
  uint64_t mode;
  uint64_t resolve;
};

#ifndef SYS_openat2
#define SYS_openat2 437
#endif

int apus_openat2(int directory, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve) {
  struct apus_open_how how = {flags, mode, resolve};
  // A rename or a mount anywhere in the system while ".." is resolved makes the kernel give up, so that one asks again.
  for (int tries = 0;; tries++) {
    int result = (int)syscall(SYS_openat2, directory, path, &how, sizeof how);
    if (result >= 0 || errno != EAGAIN || tries == 1000) return result;
  }
}

int apus_capset(uint64_t effective, uint64_t permitted, uint64_t inheritable) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2];
  for (int half = 0; half < 2; half++) {
    data[half].effective = (uint32_t)(effective >> (32 * half));
    data[half].permitted = (uint32_t)(permitted >> (32 * half));
    data[half].inheritable = (uint32_t)(inheritable >> (32 * half));
  }
  return (int)syscall(SYS_capset, &header, data);
}

int apus_capget(uint64_t *effective, uint64_t *permitted, uint64_t *inheritable) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2];
  if (syscall(SYS_capget, &header, data) < 0) return -1;
  *effective = data[0].effective | (uint64_t)data[1].effective << 32;
  *permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
  *inheritable = data[0].inheritable | (uint64_t)data[1].inheritable << 32;
  return 0;
}

int apus_mknod(const char *path, unsigned mode, unsigned major_number, unsigned minor_number) {
  return mknod(path, mode, makedev(major_number, minor_number));
}

unsigned apus_major(uint64_t device) { return major(device); }
unsigned apus_minor(uint64_t device) { return minor(device); }

// The raw calls: glibc's wrappers would signal every other thread, and the callers here have none.
int apus_setgroups(const unsigned *groups, size_t count) { return (int)syscall(SYS_setgroups, count, groups); }
int apus_setresuid(unsigned uid) { return (int)syscall(SYS_setresuid, uid, uid, uid); }
int apus_setresgid(unsigned gid) { return (int)syscall(SYS_setresgid, gid, gid, gid); }

int apus_setrlimit(pid_t pid, int resource, uint64_t soft, uint64_t hard) {
  struct rlimit limit = {soft, hard};
  return (int)syscall(SYS_prlimit64, pid, resource, &limit, NULL);
}

int apus_memfd(const char *name, unsigned flags) { return (int)syscall(SYS_memfd_create, name, flags); }

int apus_keyctl_join_session(void) { return (int)syscall(SYS_keyctl, 1, NULL); }

int apus_ioprio_set(int class_and_level) { return (int)syscall(SYS_ioprio_set, 1, 0, class_and_level); }

int apus_personality(unsigned long domain) { return personality(domain); }

int apus_sched_setattr(const struct apus_scheduling *wanted) {
  struct {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
  } attributes = {
      sizeof attributes, wanted->policy,  wanted->flags,    wanted->nice,
      wanted->priority,  wanted->runtime, wanted->deadline, wanted->period,
  };
  return (int)syscall(SYS_sched_setattr, 0, &attributes, 0);
}

int apus_ioctl(int fd, unsigned long request, void *argument) { return ioctl(fd, request, argument); }

int apus_set_mempolicy(int mode, uint64_t nodes) {
  return (int)syscall(SYS_set_mempolicy, mode, &nodes, sizeof nodes * 8);
}

int apus_bring_loopback_up(void) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  struct ifreq request;
  memset(&request, 0, sizeof request);
  memcpy(request.ifr_name, "lo", 3);
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  int result = ioctl(fd, SIOCSIFFLAGS, &request);
  int saved = errno;
  close(fd);
  errno = saved;
  return result;
}

ssize_t apus_send_fds(int socket_fd, const void *bytes, size_t length, const int *fds, size_t count, int flags) {
  struct iovec vector = {(void *)bytes, length};
  struct msghdr message;
  memset(&message, 0, sizeof message);
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  union {
    char bytes[CMSG_SPACE(sizeof(int) * 16)];
    struct cmsghdr align;
  } control;
  if (count > 16) {
    errno = EINVAL;
    return -1;
  }
  if (count > 0) {
    memset(&control, 0, sizeof control);
    message.msg_control = control.bytes;
    message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * count);
    memcpy(CMSG_DATA(header), fds, sizeof(int) * count);
  }
  return sendmsg(socket_fd, &message, flags | MSG_NOSIGNAL);
}

ssize_t apus_recv_fds(int socket_fd, void *bytes, size_t length, int *fds, size_t *count, int flags) {
  struct iovec vector = {bytes, length};
  struct msghdr message;
  memset(&message, 0, sizeof message);
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  union {
    char bytes[CMSG_SPACE(sizeof(int) * 16)];
    struct cmsghdr align;
  } control;
  message.msg_control = control.bytes;
  message.msg_controllen = sizeof control.bytes;
  ssize_t received = recvmsg(socket_fd, &message, flags | MSG_CMSG_CLOEXEC);
  size_t room = *count, found = 0;
  *count = 0;
  if (received < 0) return received;
  for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    size_t here = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < here; i++) {
      int fd;
      memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof fd);
      if (found < room) {
        fds[found++] = fd;
      } else {
        close(fd);
      }
    }
  }
  *count = found;
  return received;
}

int apus_epoll_create(void) { return epoll_create1(EPOLL_CLOEXEC); }

int apus_epoll_control(int epoll, int operation, int fd, uint32_t readiness, uint64_t token) {
  struct epoll_event event;
  memset(&event, 0, sizeof event);
  event.events = readiness;
  event.data.u64 = token;
  return epoll_ctl(epoll, operation, fd, &event);
}

int apus_epoll_wait(int epoll, struct apus_event *events, int count, int milliseconds) {
  struct epoll_event found[64];
  int result = epoll_wait(epoll, found, count < 64 ? count : 64, milliseconds);
  for (int i = 0; i < result; i++) {
    events[i].token = found[i].data.u64;
    events[i].readiness = found[i].events;
  }
  return result;
}

int apus_sync_file_system(int fd) { return syncfs(fd); }

int apus_file_system_usage(const char *path, uint64_t figures[5]) {
  struct statvfs found;
  if (statvfs(path, &found) < 0) return -1;
  figures[0] = (uint64_t)found.f_blocks * found.f_frsize;
  figures[1] = (uint64_t)found.f_bavail * found.f_frsize;
  figures[2] = (uint64_t)found.f_bfree * found.f_frsize;
  figures[3] = found.f_files;
  figures[4] = found.f_ffree;
  return 0;
}

int apus_timer(void) { return timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK); }

int apus_timer_set(int fd, uint64_t nanoseconds) {
  struct itimerspec when;
  memset(&when, 0, sizeof when);
  when.it_value.tv_sec = (time_t)(nanoseconds / 1000000000u);
  when.it_value.tv_nsec = (long)(nanoseconds % 1000000000u);
  return timerfd_settime(fd, 0, &when, NULL);
}

int apus_seccomp_load(const void *instructions, size_t count, unsigned flags) {
  struct sock_fprog program = {(unsigned short)count, (struct sock_filter *)instructions};
  return (int)syscall(SYS_seccomp, 1 /* SECCOMP_SET_MODE_FILTER */, flags, &program);
}

int apus_mkdirat(int directory, const char *name, unsigned mode) { return mkdirat(directory, name, mode); }

int apus_touchat(int directory, const char *name, unsigned mode) {
  int fd = openat(directory, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, mode);
  if (fd < 0) return errno == EEXIST ? 0 : -1;
  close(fd);
  return 0;
}

int apus_sethostname(const char *name, size_t length) { return sethostname(name, length); }
int apus_setdomainname(const char *name, size_t length) { return setdomainname(name, length); }

int apus_fsopen(const char *type, unsigned flags) { return (int)syscall(SYS_fsopen, type, flags); }
int apus_fsconfig(int context, unsigned command, const char *key, const char *value) {
  return (int)syscall(SYS_fsconfig, context, command, key, value, 0);
}
int apus_fsmount(int context, unsigned flags) { return (int)syscall(SYS_fsmount, context, flags, 0); }
