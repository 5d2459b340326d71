# shellcheck shell=bash
# Sourced by run.sh before the cluster starts: the wall clock of all programs with shared libraries is moved by as many
# seconds as the file $APUS_TEST_ROOT/clock has. The kernel's namespaces for time move only the other clocks.
command -v gcc > /dev/null || { echo "moving_clock.sh: needs gcc" >&2; exit 1; }
truncate --size=8 "$APUS_TEST_ROOT/clock"
gcc -shared -fPIC -O2 -DCLOCK="\"$APUS_TEST_ROOT/clock\"" -o "$APUS_TEST_ROOT/clock.so" -x c - << 'END'
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile long nothing, *moved = &nothing;

__attribute__((constructor)) static void begin(void) {
  int fd = open(CLOCK, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  void *page = mmap(0, sizeof(long), PROT_READ, MAP_SHARED, fd, 0);
  close(fd);
  if (page != MAP_FAILED) moved = page;
}

int clock_gettime(clockid_t id, struct timespec *now) {
  int result = syscall(SYS_clock_gettime, id, now);
  if (result == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) now->tv_sec += *moved;
  return result;
}

int gettimeofday(struct timeval *now, void *zone) {
  struct timespec precise;
  clock_gettime(CLOCK_REALTIME, &precise);
  now->tv_sec = precise.tv_sec;
  now->tv_usec = precise.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *now) {
  struct timespec precise;
  clock_gettime(CLOCK_REALTIME, &precise);
  if (now) *now = precise.tv_sec;
  return precise.tv_sec;
}
END
mkdir -p "$APUS_TEST_ROOT/etc"
mount -t tmpfs tmpfs "$APUS_TEST_ROOT/etc"
mkdir "$APUS_TEST_ROOT/etc/upper" "$APUS_TEST_ROOT/etc/work"
mount -t overlay -o "lowerdir=/etc,upperdir=$APUS_TEST_ROOT/etc/upper,workdir=$APUS_TEST_ROOT/etc/work" overlay /etc
echo "$APUS_TEST_ROOT/clock.so" > /etc/ld.so.preload
