/* SPDX-License-Identifier: Apache-2.0 */
/*
 * powercut.c - remembers what a program has not synced, so that a test can take it away again, as a
 * power cut does. A library for LD_PRELOAD; tests/e2e/support/faults.py does the taking away.
 *
 * LOGBOOM_POWERCUT names a directory; files opened for writing below LOGBOOM_POWERCUT_ROOT are
 * watched. For each, DIRECTORY/INODE holds what the disk is sure of: the size at the last sync, and
 * the bytes below it that were overwritten or cut since. All of it is in the page cache of the
 * machine, so kill -9 does not lose it.
 *   (W1) Old bytes are written down before new ones are written over them.
 *   (W2) A sync counts for what was written before it began.
 * Names are taken for durable at once, as a journaling file system with ordered data has them;
 * pwrite, pwritev and ftruncate are how our programs change files (protocol/daemon/vfs_posix.c).
 */
#define _GNU_SOURCE /* RTLD_NEXT */

#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { FDS_MAX = 65536, INODES_MAX = 16384 };

/* The first bytes of a file's state; undo records follow: position, length, bytes. */
struct header {
    uint64_t synced_bytes;
    uint64_t undo_from; /* records before this place of the state are settled */
};

struct watched {
    ino_t inode;
    int state_fd;
    uint64_t synced_bytes, undo_from, undo_end;
};

static struct {
    pthread_mutex_t lock;
    struct watched *by_fd[FDS_MAX];
    struct watched *inodes[INODES_MAX];
    size_t count;
    const char *folder, *root;
} shim = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void *real(const char *name)
{
    void *f = dlsym(RTLD_NEXT, name);
    if (!f) {
        abort();
    }
    return f;
}

__attribute__((constructor)) static void start(void)
{
    shim.folder = getenv("LOGBOOM_POWERCUT");
    shim.root = getenv("LOGBOOM_POWERCUT_ROOT");
}

static void must(bool ok)
{
    if (!ok) {
        static const char text[] = "powercut: the state cannot be written\n";
        ssize_t n = write(2, text, sizeof(text) - 1);
        (void)n;
        abort();
    }
}

static ssize_t real_pwrite(int fd, const void *bytes, size_t len, off_t pos)
{
    return ((ssize_t(*)(int, const void *, size_t, off_t))real("pwrite"))(fd, bytes, len, pos);
}

static void save_header(const struct watched *w)
{
    struct header h = { w->synced_bytes, w->undo_from };
    must(real_pwrite(w->state_fd, &h, sizeof(h), 0) == (ssize_t)sizeof(h));
}

static void real_close(int fd)
{
    ((int (*)(int))real("close"))(fd);
}

static int real_open(const char *path, int flags, mode_t mode)
{
    return ((int (*)(const char *, int, ...))real("open"))(path, flags, mode);
}

static void state_path(ino_t inode, char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%s/%lu", shim.folder, (unsigned long)inode);
}

/* The state of an inode, read from an earlier process's file or made new. */
static struct watched *watch(ino_t inode, uint64_t size_bytes)
{
    for (size_t i = 0; i < shim.count; i++) {
        if (shim.inodes[i]->inode == inode) {
            return shim.inodes[i];
        }
    }
    must(shim.count < INODES_MAX);
    struct watched *w = calloc(1, sizeof(*w));
    char path[PATH_MAX];
    struct header h;
    must(w != NULL);
    state_path(inode, path);
    w->inode = inode;
    w->state_fd = real_open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    must(w->state_fd >= 0);
    if (pread(w->state_fd, &h, sizeof(h), 0) == (ssize_t)sizeof(h)) {
        w->synced_bytes = h.synced_bytes;
        w->undo_from = h.undo_from;
        w->undo_end = (uint64_t)lseek(w->state_fd, 0, SEEK_END);
    } else {
        w->synced_bytes = size_bytes;
        w->undo_from = w->undo_end = sizeof(h);
        save_header(w);
    }
    shim.inodes[shim.count++] = w;
    return w;
}

static void forget(ino_t inode)
{
    char path[PATH_MAX];
    for (size_t i = 0; i < shim.count; i++) {
        struct watched *w = shim.inodes[i];
        if (w->inode == inode) {
            for (size_t fd = 0; fd < FDS_MAX; fd++) {
                if (shim.by_fd[fd] == w) {
                    shim.by_fd[fd] = NULL;
                }
            }
            real_close(w->state_fd);
            free(w);
            shim.inodes[i] = shim.inodes[--shim.count];
            break;
        }
    }
    state_path(inode, path);
    ((int (*)(const char *))real("unlink"))(path);
}

static void opened(int fd, const char *path, int flags)
{
    struct stat st;
    char full[PATH_MAX];
    if (fd < 0 || fd >= FDS_MAX || !shim.folder || !shim.root) {
        return;
    }
    bool writing = (flags & O_ACCMODE) != O_RDONLY && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    pthread_mutex_lock(&shim.lock);
    shim.by_fd[fd] = NULL;
    if (writing && realpath(path, full) && strncmp(full, shim.root, strlen(shim.root)) == 0) {
        shim.by_fd[fd] = watch(st.st_ino, (uint64_t)st.st_size);
    }
    pthread_mutex_unlock(&shim.lock);
}

static struct watched *of(int fd)
{
    return fd >= 0 && fd < FDS_MAX ? shim.by_fd[fd] : NULL;
}

/* Writes down what is at [pos, end) as far as the disk is sure of it. Locked. */
static void before_change(int fd, struct watched *w, uint64_t pos, uint64_t end)
{
    if (end > w->synced_bytes) {
        end = w->synced_bytes;
    }
    if (pos >= end) {
        return;
    }
    size_t len = (size_t)(end - pos);
    uint8_t *record = malloc(16 + len);
    must(record != NULL);
    ssize_t got = 0;
    int reading = fd;
    char path[64];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if ((fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY) {
        reading = real_open(path, O_RDONLY | O_CLOEXEC, 0);
        must(reading >= 0);
    }
    got = pread(reading, record + 16, len, (off_t)pos);
    must(got >= 0);
    if (reading != fd) {
        real_close(reading);
    }
    uint64_t head[2] = { pos, (uint64_t)got };
    memcpy(record, head, sizeof(head));
    size_t all = 16 + (size_t)got;
    must(real_pwrite(w->state_fd, record, all, (off_t)w->undo_end) == (ssize_t)all);
    w->undo_end += all;
    free(record);
}

/* --- what is interposed ----------------------------------------------------------------------- */

int open(const char *path, int flags, ...)
{
    va_list ap;
    va_start(ap, flags);
    mode_t mode = flags & O_CREAT ? va_arg(ap, mode_t) : 0;
    va_end(ap);
    struct stat st;
    bool cut = (flags & O_TRUNC) && shim.folder && stat(path, &st) == 0 && S_ISREG(st.st_mode);
    if (cut) { /* the old content is what a power cut would bring back */
        int fd = open(path, O_RDWR | O_CLOEXEC);
        struct watched *w = of(fd);
        if (w) {
            pthread_mutex_lock(&shim.lock);
            before_change(fd, w, 0, UINT64_MAX);
            pthread_mutex_unlock(&shim.lock);
        }
        if (fd >= 0) {
            close(fd);
        }
    }
    int fd = real_open(path, flags, mode);
    opened(fd, path, flags);
    return fd;
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t pos)
{
    pthread_mutex_lock(&shim.lock);
    struct watched *w = of(fd);
    if (w) {
        before_change(fd, w, (uint64_t)pos, (uint64_t)pos + len);
    }
    ssize_t n = real_pwrite(fd, bytes, len, pos);
    pthread_mutex_unlock(&shim.lock);
    return n;
}

ssize_t pwritev(int fd, const struct iovec *iov, int count, off_t pos)
{
    size_t len = 0;
    for (int i = 0; i < count; i++) {
        len += iov[i].iov_len;
    }
    pthread_mutex_lock(&shim.lock);
    struct watched *w = of(fd);
    if (w) {
        before_change(fd, w, (uint64_t)pos, (uint64_t)pos + len);
    }
    ssize_t n =
        ((ssize_t(*)(int, const struct iovec *, int, off_t))real("pwritev"))(fd, iov, count, pos);
    pthread_mutex_unlock(&shim.lock);
    return n;
}

int ftruncate(int fd, off_t size)
{
    pthread_mutex_lock(&shim.lock);
    struct watched *w = of(fd);
    if (w) {
        before_change(fd, w, (uint64_t)size, UINT64_MAX);
    }
    int rc = ((int (*)(int, off_t))real("ftruncate"))(fd, size);
    pthread_mutex_unlock(&shim.lock);
    return rc;
}

static int synced(int fd, const char *how)
{
    struct stat st = { 0 };
    pthread_mutex_lock(&shim.lock);
    struct watched *w = of(fd);
    bool known = w && fstat(fd, &st) == 0;
    uint64_t undo = known ? w->undo_end : 0;
    pthread_mutex_unlock(&shim.lock);
    int rc = ((int (*)(int))real(how))(fd);
    pthread_mutex_lock(&shim.lock);
    if (rc == 0 && known && of(fd) == w) {
        w->synced_bytes = (uint64_t)st.st_size;
        w->undo_from = undo > w->undo_from ? undo : w->undo_from;
        save_header(w);
    }
    pthread_mutex_unlock(&shim.lock);
    return rc;
}

int fdatasync(int fd)
{
    return synced(fd, "fdatasync");
}

int fsync(int fd)
{
    return synced(fd, "fsync");
}

int unlink(const char *path)
{
    struct stat st;
    bool known = shim.folder && stat(path, &st) == 0 && st.st_nlink == 1;
    int rc = ((int (*)(const char *))real("unlink"))(path);
    if (rc == 0 && known) { /* the inode's number will be another file's */
        pthread_mutex_lock(&shim.lock);
        forget(st.st_ino);
        pthread_mutex_unlock(&shim.lock);
    }
    return rc;
}

int rename(const char *from, const char *to)
{
    struct stat st;
    bool known = shim.folder && stat(to, &st) == 0 && S_ISREG(st.st_mode);
    int rc = ((int (*)(const char *, const char *))real("rename"))(from, to);
    if (rc == 0 && known) {
        pthread_mutex_lock(&shim.lock);
        forget(st.st_ino);
        pthread_mutex_unlock(&shim.lock);
    }
    return rc;
}

int close(int fd)
{
    pthread_mutex_lock(&shim.lock);
    if (fd >= 0 && fd < FDS_MAX) {
        shim.by_fd[fd] = NULL;
    }
    pthread_mutex_unlock(&shim.lock);
    return ((int (*)(int))real("close"))(fd);
}
