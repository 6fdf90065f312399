/* A power cut as bad as the sync calls allow. Preloaded; files below $AOS_POWER_ROOT only.
 *
 * A file keeps the bytes it had at its last fsync or fdatasync, a folder the names it had at its last fsync. They are written below
 * $AOS_POWER_SHADOW before the call returns: `files/KEY` holds bytes, `folders/KEY` lines of `KEY d|f NAME`. A key is an inode and the
 * time it was born, since inodes are used again. sync_file_range, sync and what is merely written promise nothing. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int key_of(int dir, const char *name, int flags, char *key, size_t size, unsigned *mode) {
    struct statx about;
    if (statx(dir, name, flags | AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_BTIME, &about) != 0) return -1;
    snprintf(key, size, "%llu-%lld.%09u", (unsigned long long)about.stx_ino, (long long)about.stx_btime.tv_sec,
             about.stx_btime.tv_nsec);
    *mode = about.stx_mode;
    return 0;
}

static int write_all(int to, const char *bytes, size_t left) {
    while (left > 0) {
        ssize_t n = write(to, bytes, left);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return -1;
        bytes += n;
        left -= (size_t)n;
    }
    return 0;
}

static int copy_file(int fd, int to) {
    static __thread char buffer[1 << 16];
    off_t at = 0;
    char path[64];
    /* The descriptor may be open for writing only. */
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int from = open(path, O_RDONLY | O_CLOEXEC);
    if (from < 0) return -1;
    for (;;) {
        ssize_t n = pread(from, buffer, sizeof buffer, at);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 || (n > 0 && write_all(to, buffer, (size_t)n) != 0)) {
            close(from);
            return -1;
        }
        if (n == 0) break;
        at += n;
    }
    close(from);
    return 0;
}

static int copy_names(const char *folder, int to) {
    DIR *dir = opendir(folder);
    if (!dir) return -1;
    struct dirent *entry;
    while ((entry = readdir(dir))) {
        char key[64], line[512];
        unsigned mode;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        if (key_of(dirfd(dir), entry->d_name, 0, key, sizeof key, &mode) != 0) continue;
        if (!S_ISDIR(mode) && !S_ISREG(mode)) continue;
        int n = snprintf(line, sizeof line, "%s %c %s\n", key, S_ISDIR(mode) ? 'd' : 'f', entry->d_name);
        if (n <= 0 || (size_t)n >= sizeof line || write_all(to, line, (size_t)n) != 0) {
            closedir(dir);
            return -1;
        }
    }
    closedir(dir);
    return 0;
}

static void keep(int fd) {
    const char *root = getenv("AOS_POWER_ROOT"), *shadow = getenv("AOS_POWER_SHADOW");
    char link[64], path[PATH_MAX], key[64], temp[PATH_MAX], kept[PATH_MAX];
    unsigned mode;
    if (!root || !shadow) return;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n <= 0) return;
    path[n] = 0;
    if (strncmp(path, root, strlen(root)) != 0) return;
    if (key_of(fd, "", AT_EMPTY_PATH, key, sizeof key, &mode) != 0) return;
    snprintf(kept, sizeof kept, "%s/%s/%s", shadow, S_ISDIR(mode) ? "folders" : "files", key);
    snprintf(temp, sizeof temp, "%s/tmp-%d-%d-%s", shadow, getpid(), gettid(), key);
    int to = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (to < 0) return;
    int copied = S_ISDIR(mode) ? copy_names(path, to) : copy_file(fd, to);
    close(to);
    /* Whole or not at all: the process may be killed at any point. */
    if (copied == 0) rename(temp, kept);
}

typedef int sync_call(int);

int fsync(int fd) {
    sync_call *real = (sync_call *)dlsym(RTLD_NEXT, "fsync");
    int done = real(fd), why = errno;
    if (done == 0) keep(fd);
    errno = why;
    return done;
}

int fdatasync(int fd) {
    sync_call *real = (sync_call *)dlsym(RTLD_NEXT, "fdatasync");
    int done = real(fd), why = errno;
    if (done == 0 && !getenv("AOS_POWER_BLIND")) keep(fd);
    errno = why;
    return done;
}
